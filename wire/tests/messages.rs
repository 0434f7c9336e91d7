//! Messages: splitting, signing, replays, building, dates; and what malformed input does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anympi_wire::{
    DELIMITER, Date, DigestHistory, Envelope, EnvelopeError, Header, Session, SignatureError, Signer,
};
use serde_json::{Value, json};

fn session() -> Session {
    Session::new("0000aaaa-1111", Signer::new("hmac-sha256", b"key").unwrap())
}

fn message(session: &Session) -> Vec<Vec<u8>> {
    let builder = session.message::<Vec<u8>>("apply_request").ident(b"one".to_vec()).ident(b"two".to_vec());
    builder
        .content(&json!({"a": 1}))
        .metadata(&json!({"b": null}))
        .buffers([b"raw".to_vec()])
        .build()
        .unwrap()
}

/// A small generator of numbers, so that failures repeat.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn a_built_message_splits_into_its_parts() {
    let session = session();
    let frames = message(&session);
    let envelope = Envelope::split(&frames).unwrap();
    assert_eq!(envelope.idents, [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(envelope.buffers, [b"raw".to_vec()]);
    assert_eq!(envelope.content::<Value>().unwrap(), json!({"a": 1}));
    assert_eq!(envelope.metadata::<Value>().unwrap(), json!({"b": null}));
    assert_eq!(envelope.parent, b"{}");
    let view = envelope.header_view().unwrap();
    let header: Header = serde_json::from_slice(envelope.header).unwrap();
    assert_eq!((&*view.msg_id, &*view.msg_type), (header.msg_id.as_str(), "apply_request"));
    assert_eq!(view.session, "0000aaaa-1111");
    assert!(matches!(view.msg_id, std::borrow::Cow::Borrowed(_)), "nothing is copied");
    assert!(header.msg_id.ends_with("_0") && session.header("x").msg_id.ends_with("_1"));
    assert!(session.signer().verify(&envelope).unwrap().is_some());
}

#[test]
fn the_signature_is_that_of_the_stock_programs() {
    // python: hmac.new(b"key", b"{}" * 4, "sha256").hexdigest()
    let signer = Signer::new("hmac-sha256", b"key").unwrap();
    let expected = "ca767b02c5bc061ed184a9a029e7f93a7f2f7ed4e8fe74120fc1212f0b008fa3";
    let signature = String::from_utf8(signer.sign([b"{}"; 4])).unwrap();
    assert_eq!(signature, expected);
}

#[test]
fn every_changed_bit_of_the_signed_parts_is_noticed() {
    let session = session();
    let frames = message(&session);
    for part in 3..frames.len() - 1 {
        for byte in 0..frames[part].len() {
            let mut changed = frames.clone();
            changed[part][byte] ^= 1;
            let envelope = Envelope::split(&changed).unwrap();
            let result = session.signer().verify(&envelope);
            assert_eq!(result, Err(SignatureError::Wrong), "frame {part} byte {byte}");
        }
    }
}

#[test]
fn unsigned_foreign_and_oddly_written_signatures_are_refused() {
    let session = session();
    let good = message(&session);
    let verdict = |signature: &[u8]| {
        let mut frames = good.clone();
        frames[3] = signature.to_vec();
        session.signer().verify(&Envelope::split(&frames).unwrap())
    };
    assert!(verdict(&good[3]).is_ok());
    assert_eq!(verdict(b""), Err(SignatureError::Unsigned));
    let upper = good[3].to_ascii_uppercase();
    for bad in
        [&b"0"[..], b"zz", &upper, &good[3][..32], &[b'0'; 64], &[b'0'; 65], &[b'0'; 128], &[0xff; 1000]]
    {
        assert_eq!(verdict(bad), Err(SignatureError::Wrong), "{bad:?}");
    }
    let other = Session::new("x", Signer::new("hmac-sha256", b"other").unwrap());
    let foreign = message(&other);
    assert_eq!(session.signer().verify(&Envelope::split(&foreign).unwrap()), Err(SignatureError::Wrong));
}

#[test]
fn an_empty_key_turns_signing_off_and_every_scheme_fits_itself() {
    let off = Session::new("x", Signer::new("hmac-sha256", b"").unwrap());
    let frames = message(&off);
    assert!(frames[3].is_empty());
    assert_eq!(off.signer().verify(&Envelope::split(&frames).unwrap()), Ok(None));
    for (scheme, digits) in [("hmac-sha256", 64), ("hmac-sha384", 96), ("hmac-sha512", 128)] {
        let session = Session::new("x", Signer::new(scheme, b"key").unwrap());
        let frames = message(&session);
        assert_eq!(frames[3].len(), digits);
        assert!(session.signer().verify(&Envelope::split(&frames).unwrap()).is_ok());
    }
    let error = Signer::new("hmac-md5", b"key").unwrap_err().to_string();
    assert!(error.contains("hmac-md5") && error.contains("hmac-sha256"), "{error}");
}

#[test]
fn replays_are_refused_until_the_history_forgets_them() {
    let session = session();
    let mut history = DigestHistory::new(3);
    let messages: Vec<_> = (0..4).map(|_| message(&session)).collect();
    let mut accept =
        |index: usize| history.accept(session.signer(), &Envelope::split(&messages[index]).unwrap());
    for index in 0..3 {
        assert_eq!(accept(index), Ok(()));
        assert_eq!(accept(index), Err(SignatureError::Replayed));
    }
    assert_eq!(accept(3), Ok(()));
    assert_eq!(accept(1), Err(SignatureError::Replayed), "still among the last three");
    assert_eq!(accept(0), Ok(()), "the oldest was forgotten");
    assert_eq!(history.len(), 3);
}

#[test]
fn malformed_frames_are_errors_with_a_reason() {
    let split = |frames: &[&[u8]]| Envelope::split(frames).map(|_| ()).unwrap_err();
    assert_eq!(split(&[]), EnvelopeError::NoDelimiter { frames: 0 });
    assert_eq!(split(&[b"", b"<IDS|MSG", b"<IDS|MSG>x"]), EnvelopeError::NoDelimiter { frames: 3 });
    for found in 0..5 {
        let mut frames = vec![DELIMITER];
        frames.extend(std::iter::repeat_n(&b"{}"[..], found));
        assert_eq!(split(&frames), EnvelopeError::TooShort { found });
    }
}

#[test]
fn random_frames_never_panic() {
    let session = session();
    let good = message(&session);
    let mut numbers = Numbers(7);
    let mut history = DigestHistory::default();
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..20_000 {
        let mut frames = good.clone();
        for _ in 0..=numbers.below(4) {
            let place = numbers.below(frames.len().max(1));
            match numbers.below(6) {
                0 if !frames.is_empty() => drop(frames.remove(place)),
                1 => frames.insert(place.min(frames.len()), DELIMITER.to_vec()),
                2 => {
                    frames.insert(place.min(frames.len()), vec![numbers.below(256) as u8; numbers.below(300)])
                }
                3 => frames.truncate(place),
                4 if !frames.is_empty() => {
                    let length = frames[place].len();
                    if length > 0 {
                        let byte = numbers.below(length);
                        frames[place][byte] = numbers.below(256) as u8;
                    }
                }
                _ if !frames.is_empty() => {
                    let length = frames[place].len();
                    frames[place].truncate(numbers.below(length + 1));
                }
                _ => {}
            }
        }
        let Ok(envelope) = Envelope::split(&frames) else {
            refused += 1;
            continue;
        };
        let verdict = history.accept(session.signer(), &envelope);
        let _ = (envelope.header_view(), envelope.parent_view());
        let _ = (envelope.content::<Value>(), envelope.metadata::<Value>());
        if verdict.is_ok() { accepted += 1 } else { refused += 1 }
    }
    assert_eq!(accepted, 1, "the same signed parts are accepted once, whatever is around them");
    assert_eq!(refused, 19_999);
}

#[test]
fn hostile_json_is_an_error_not_a_crash() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: Vec<Vec<u8>> = vec![
        deep.into_bytes(),
        br#"{"msg_id": 1, "msg_type": "x", "session": "y"}"#.to_vec(),
        br#"{"msg_id": "a", "msg_type": "x"}"#.to_vec(),
        b"[1]".to_vec(),
        b"\xff\xfe".to_vec(),
        b"".to_vec(),
        b"NaN".to_vec(),
        br#"{"msg_id": "\ud800", "msg_type": "x", "session": "y"}"#.to_vec(),
    ];
    for case in cases {
        let frames = [DELIMITER.to_vec(), Vec::new(), case, b"{}".to_vec(), b"{}".to_vec(), b"{}".to_vec()];
        assert!(Envelope::split(&frames).unwrap().header_view().is_err());
    }
    let escaped = br#"{"msg_id": "\u00e4", "msg_type": "x", "session": "y", "more": {"z": [1]}}"#.to_vec();
    let frames = [DELIMITER.to_vec(), Vec::new(), escaped, b"{}".to_vec(), b"{}".to_vec(), b"{}".to_vec()];
    assert_eq!(Envelope::split(&frames).unwrap().header_view().unwrap().msg_id, "\u{e4}");
}

#[test]
fn dates_are_read_in_every_form_and_written_in_one() {
    let written = "2026-11-22T07:55:58.343177Z";
    let date: Date = written.parse().unwrap();
    assert_eq!(date.to_string(), written);
    for same in
        ["2026-11-22T07:55:58.343177+00:00", "2026-11-22T08:55:58.343177+01:00", "2026-11-22T07:55:58.343177"]
    {
        assert_eq!(same.parse::<Date>().unwrap(), date, "{same}");
    }
    assert!("2026-11-22T07:55:58Z".parse::<Date>().unwrap() < date);
    for bad in [
        "",
        "2026",
        "2026-11-22",
        "now",
        "2026-13-22T07:55:58Z",
        "a-very-long-msg-id_1_2",
        "2026-11-22T07:55",
    ] {
        assert!(bad.parse::<Date>().is_err(), "{bad}");
    }
    let now = Date::now();
    assert_eq!(now.to_string().parse::<Date>().unwrap(), now);
    assert_eq!(serde_json::to_value(date).unwrap(), json!(written));
    assert_eq!(serde_json::from_value::<Date>(json!(written)).unwrap(), date);
}

#[test]
fn random_ids_have_the_form_of_the_stock_programs() {
    let (one, two) = (anympi_wire::random_id().unwrap(), anympi_wire::random_id().unwrap());
    assert_ne!(one, two);
    assert_eq!((one.len(), one.find('-')), (33, Some(8)));
}
