//! What clients ask about tasks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use anympi_controller::records::{KEYS, Limits};
use common::{Client, Cluster, Engine, until};
use serde_json::{Value, json};

/// One finished direct task with output; its message id.
fn finished(client: &Client, engine: &Engine, result: &str) -> String {
    let msg_id = client.apply(&client.mux, Some(&engine.uuid), json!({"label": "mine"}), "argument");
    let request = engine.receive(&engine.mux);
    engine.ok(&engine.mux, &request, result);
    client.receive(&client.mux);
    msg_id
}

fn database(client: &Client, query: Value, keys: Value) -> Vec<Value> {
    let reply = client.request("db_request", json!({"query": query, "keys": keys}));
    assert_eq!(reply.content["status"], "ok", "{:?}", reply.content);
    reply.content["records"].as_array().unwrap().clone()
}

#[test]
fn a_result_can_be_had_by_another_client() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let one = finished(&client, &engine, "r1");
    let two = finished(&client, &engine, "r2");
    let other = Client::new(&cluster);
    let reply = other.request("result_request", json!({"msg_ids": [two, one], "status_only": false}));
    let mut sorted = [one.clone(), two.clone()];
    sorted.sort();
    assert_eq!(reply.content["completed"], json!(sorted));
    let expected = if sorted[0] == one { ["r1", "r2"] } else { ["r2", "r1"] };
    assert_eq!([&*reply.buffers[0], &*reply.buffers[1]], expected.map(str::as_bytes));
    let record = &reply.content[&one];
    assert_eq!(record["result_content"], json!({"status": "ok"}));
    assert_eq!(record["io"]["stdout"], "");
    let status = other.request("result_request", json!({"msg_ids": [one], "status_only": true}));
    assert_eq!((status.content.get(&one), status.buffers.len()), (None, 0));
    let unknown = other.request("result_request", json!({"msg_ids": ["nope"]}));
    assert_eq!(unknown.content["ename"], "KeyError");
}

#[test]
fn queues_are_counted_and_listed() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    finished(&client, &engine, "");
    let direct = client.apply(&client.mux, Some(&engine.uuid), json!({}), "");
    engine.receive(&engine.mux);
    let running = client.apply(&client.task, None, json!({}), "");
    let waiting = client.apply(&client.task, None, json!({}), "");
    engine.receive(&engine.task);
    let id = engine.id.to_string();
    until("the books know", || {
        let reply = client.request("queue_request", json!({"targets": null, "verbose": false}));
        reply.content[&id] == json!({"queue": 1, "completed": 1, "tasks": 1})
            && reply.content["unassigned"] == 1
    });
    let reply = client.request("queue_request", json!({"targets": [engine.id], "verbose": true}));
    assert_eq!(reply.content[&id]["queue"], json!([direct]));
    assert_eq!(reply.content[&id]["tasks"], json!([running]));
    assert_eq!(reply.content["unassigned"], json!([waiting]));
    let load = client.request("load_request", json!({"targets": engine.id}));
    assert_eq!(load.content[&id], 2);
    let bad = client.request("queue_request", json!({"targets": [99]}));
    assert_eq!((&bad.header["msg_type"], &bad.content["ename"]), (&json!("hub_error"), &json!("IndexError")));
}

#[test]
fn records_have_all_keys_and_queries_find_them() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let one = finished(&client, &engine, "result");
    let two = finished(&client, &engine, "result");
    let found = database(&client, json!({"msg_id": one}), Value::Null);
    let record = found[0].as_object().unwrap();
    let missing: Vec<_> = KEYS.iter().filter(|key| !record.contains_key(**key)).collect();
    assert_eq!(missing, [&"buffers", &"result_buffers"], "buffers travel as buffers");
    assert_eq!((&record["queue"], &record["label"]), (&json!("mux"), &json!("mine")));
    assert_eq!(record["engine_uuid"], json!(engine.uuid));
    assert_eq!(record["client_uuid"], json!(client.session.id()));
    let submitted = record["submitted"].clone();
    let later =
        database(&client, json!({"submitted": {"$gt": submitted}, "queue": "mux"}), json!(["msg_id"]));
    assert_eq!(later, [json!({"msg_id": two})]);
    let keys = json!(["buffers", "result_buffers"]);
    let reply = client.request("db_request", json!({"query": {"msg_id": one}, "keys": keys}));
    assert_eq!(reply.content["buffer_lens"], json!([1]));
    assert_eq!(reply.content["result_buffer_lens"], json!([1]));
    assert_eq!([&*reply.buffers[0], &*reply.buffers[1]], [&b"argument"[..], b"result"]);
    let history = client.request("history_request", json!({}));
    assert_eq!(history.content["history"], json!([one, two]));
    for (query, keys) in [
        (json!({"a": {"$no": 1}}), json!(null)),
        (json!({}), json!(["no_such_key"])),
        (json!([]), json!(null)),
    ] {
        let bad = client.request("db_request", json!({"query": query, "keys": keys}));
        assert_eq!(bad.content["status"], "error");
    }
}

#[test]
fn output_is_recorded_with_its_task() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let msg_id = client.apply(&client.mux, Some(&engine.uuid), json!({}), "");
    let request = engine.receive(&engine.mux);
    until("output is recorded", || {
        engine.publish("stream", &request.header, json!({"name": "stderr", "text": "e"}));
        let found = database(&client, json!({"msg_id": msg_id}), json!(["stderr"]));
        found[0]["stderr"].as_str().unwrap().starts_with("ee")
    });
    engine.publish("execute_input", &request.header, json!({"code": "1+1", "execution_count": 1}));
    engine.publish("execute_result", &request.header, json!({"data": {"text/plain": "2"}}));
    until("the input and result are recorded", || {
        let keys = json!(["execute_input", "execute_result"]);
        let found = database(&client, json!({"msg_id": msg_id}), keys);
        found[0]["execute_input"] == "1+1" && found[0]["execute_result"]["data"]["text/plain"] == "2"
    });
}

#[test]
fn purging_drops_what_is_finished() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let [one, two, three] = [(); 3].map(|()| finished(&client, &engine, ""));
    let pending = client.apply(&client.mux, Some(&engine.uuid), json!({}), "");
    engine.receive(&engine.mux);
    let ids = || client.request("history_request", json!({})).content["history"].clone();
    until("the books know", || ids().as_array().unwrap().len() == 4);
    let refused = client.request("purge_request", json!({"msg_ids": [one, pending]}));
    assert_eq!(refused.content["ename"], "IndexError");
    let reply = client.request("purge_request", json!({"msg_ids": [one], "engine_ids": []}));
    assert_eq!((&reply.content["status"], ids()), (&json!("ok"), json!([two, three, pending])));
    client.request("purge_request", json!({"msg_ids": [], "engine_ids": [engine.id]}));
    assert_eq!(ids(), json!([pending]));
    let bad = client.request("purge_request", json!({"msg_ids": [], "engine_ids": [77]}));
    assert_eq!(bad.content["ename"], "IndexError");
    finished_after_pending(&client, &engine);
    client.request("purge_request", json!({"msg_ids": "all"}));
    assert_eq!(ids(), json!([pending]));
}

fn finished_after_pending(client: &Client, engine: &Engine) {
    let _ = finished(client, engine, "");
}

#[test]
fn resubmitting_runs_a_task_again() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let old = finished(&client, &engine, "first");
    let reply = client.request("resubmit_request", json!({"msg_ids": [old]}));
    let new = reply.content["resubmitted"][&old].as_str().unwrap().to_string();
    assert_ne!(new, old);
    let pending = client.request("result_request", json!({"msg_ids": [new]}));
    assert_eq!(pending.content["pending"], json!([new]), "known at once");
    let request = engine.receive(&engine.task);
    assert_eq!(
        (&request.header["msg_id"], &request.header["session"]),
        (&json!(new), &json!(client.session.id()))
    );
    assert_eq!(*request.buffers[0], *b"argument");
    engine.ok(&engine.task, &request, "again");
    until("the result is there", || {
        client.request("result_request", json!({"msg_ids": [new]})).content["completed"] == json!([new])
    });
    assert_eq!(
        database(&client, json!({"msg_id": old}), json!(["resubmitted"]))[0]["resubmitted"],
        json!(new)
    );
    let bad = client.request("resubmit_request", json!({"msg_ids": ["nope"]}));
    assert_eq!(bad.content["ename"], "KeyError");
}

#[test]
fn direct_tasks_of_a_dead_engine_are_recorded_as_failed() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let msg_id = client.apply(&client.mux, Some(&engine.uuid), json!({}), "");
    engine.receive(&engine.mux);
    let uuid = engine.uuid.clone();
    drop(engine);
    client.notified("unregistration_notification", &uuid);
    let reply = client.request("result_request", json!({"msg_ids": [msg_id]}));
    assert_eq!(reply.content[&msg_id]["result_content"]["ename"], "EngineError", "{:?}", reply.content);
}

#[test]
fn records_stay_within_their_bounds() {
    let cluster = Cluster::with(|settings| settings.limits = Some(Limits { records: 10, bytes: 1 << 30 }));
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let ids: Vec<String> = (0..30).map(|_| finished(&client, &engine, "")).collect();
    let reply = client.request("history_request", json!({}));
    let history = reply.content["history"].as_array().unwrap();
    assert!((9..=10).contains(&history.len()) && history.last() == Some(&json!(ids[29])), "{history:?}");
    let culled = client.request("result_request", json!({"msg_ids": [ids[0]]}));
    assert_eq!(culled.content["ename"], "KeyError");
}

#[test]
fn without_records_nothing_is_kept_and_everything_runs() {
    let cluster = Cluster::with(|settings| settings.limits = None);
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let msg_id = finished(&client, &engine, "");
    let reply = client.request("result_request", json!({"msg_ids": [msg_id]}));
    assert!(reply.content["evalue"].as_str().unwrap().contains("--nodb"));
    assert_eq!(client.request("history_request", json!({})).content["history"], json!([]));
}

#[test]
fn a_client_can_end_the_controller() {
    let cluster = Cluster::start();
    let client = Client::new(&cluster);
    let engine = Engine::new(&cluster, &client);
    let reply = client.request("shutdown_request", json!({}));
    assert_eq!(reply.header["msg_type"], "shutdown_reply");
    let news = loop {
        let news = client.receive(&client.notification);
        if news.header["msg_type"] != "registration_notification" {
            break news;
        }
    };
    assert_eq!(news.header["msg_type"], "shutdown_notification");
    assert_eq!(cluster.controller().wait(), anympi_controller::Ending::Requested);
    drop(engine);
}
