//! The query language of `db_request`, which is a part of MongoDB's.
//!
//! A query is an object. Each key names a field of a record, and all of them must fit: a literal must equal the field, an
//! object of operators must all hold. Texts that are dates are compared as dates.

use std::cmp::Ordering;

use anympi_wire::Date;
use serde_json::{Map, Value};

use super::Record;

/// A query that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The query is not an object.
    #[error("a query is an object, not {0}")]
    NotAnObject(String),
    /// An operator that does not exist.
    #[error("unknown operator {0}; known are $lt $gt $lte $gte $eq $ne $in $nin $all $mod $exists $glob")]
    Operator(String),
    /// An operand that does not fit its operator.
    #[error("{operator} cannot have the operand {operand}")]
    Operand {
        /// The operator.
        operator: String,
        /// The operand, as JSON.
        operand: String,
    },
}

#[derive(Debug, Clone)]
enum Test {
    Compare(fn(Ordering) -> bool, Value),
    Equal(Value),
    NotEqual(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    All(Vec<Value>),
    Modulo(i64, i64),
    Exists(bool),
    Glob(Vec<char>),
}

/// A query, understood.
#[derive(Debug, Clone, Default)]
pub struct Query {
    tests: Vec<(String, Test)>,
}

impl Query {
    /// Understand a query.
    pub fn parse(query: &Value) -> Result<Query, QueryError> {
        let fields = query.as_object().ok_or_else(|| QueryError::NotAnObject(query.to_string()))?;
        let mut tests = Vec::new();
        for (key, condition) in fields {
            match condition.as_object().filter(|it| is_operators(it)) {
                Some(operators) => {
                    for (operator, operand) in operators {
                        tests.push((key.clone(), Test::parse(operator, operand)?));
                    }
                }
                None => tests.push((key.clone(), Test::Equal(condition.clone()))),
            }
        }
        Ok(Query { tests })
    }

    /// Whether a record fits.
    pub fn matches(&self, record: &Record) -> bool {
        self.tests.iter().all(|(key, test)| test.holds(&record.field(key).unwrap_or_default()))
    }

    /// The only message ids that can fit, when the query says so.
    pub fn msg_ids(&self) -> Option<Vec<&str>> {
        self.tests.iter().filter(|(key, _)| key == "msg_id").find_map(|(_, test)| match test {
            Test::Equal(Value::String(msg_id)) => Some(vec![msg_id.as_str()]),
            Test::In(list) => Some(list.iter().filter_map(Value::as_str).collect()),
            _ => None,
        })
    }
}

fn is_operators(condition: &Map<String, Value>) -> bool {
    condition.keys().all(|key| key.starts_with('$'))
}

impl Test {
    fn parse(operator: &str, operand: &Value) -> Result<Test, QueryError> {
        let wrong = || QueryError::Operand { operator: operator.to_string(), operand: operand.to_string() };
        let list = || operand.as_array().cloned().ok_or_else(wrong);
        Ok(match operator {
            "$lt" => Test::Compare(Ordering::is_lt, operand.clone()),
            "$gt" => Test::Compare(Ordering::is_gt, operand.clone()),
            "$lte" => Test::Compare(Ordering::is_le, operand.clone()),
            "$gte" => Test::Compare(Ordering::is_ge, operand.clone()),
            "$eq" => Test::Equal(operand.clone()),
            "$ne" => Test::NotEqual(operand.clone()),
            "$in" => Test::In(list()?),
            "$nin" => Test::NotIn(list()?),
            "$all" => Test::All(list()?),
            "$exists" => Test::Exists(operand.as_bool().ok_or_else(wrong)?),
            "$glob" => Test::Glob(operand.as_str().ok_or_else(wrong)?.chars().collect()),
            "$mod" => match list()?.as_slice() {
                [divisor, rest] => {
                    let divisor = divisor.as_i64().filter(|it| *it != 0).ok_or_else(wrong)?;
                    Test::Modulo(divisor, rest.as_i64().ok_or_else(wrong)?)
                }
                _ => return Err(wrong()),
            },
            other => return Err(QueryError::Operator(other.to_string())),
        })
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Test::Compare(accept, operand) => order(value, operand).is_some_and(accept),
            Test::Equal(operand) => equal(value, operand),
            Test::NotEqual(operand) => !equal(value, operand),
            Test::In(list) => list.iter().any(|it| equal(value, it)),
            Test::NotIn(list) => !list.iter().any(|it| equal(value, it)),
            Test::All(list) => list.iter().all(|it| match value {
                Value::Array(values) => values.iter().any(|value| equal(value, it)),
                value => equal(value, it),
            }),
            Test::Modulo(divisor, rest) => {
                value.as_i64().and_then(|it| it.checked_rem_euclid(*divisor)) == Some(*rest)
            }
            Test::Exists(exists) => *exists != value.is_null(),
            Test::Glob(pattern) => {
                value.as_str().is_some_and(|text| glob(pattern, &text.chars().collect::<Vec<_>>()))
            }
        }
    }
}

fn date(value: &Value) -> Option<Date> {
    value.as_str()?.parse().ok()
}

fn equal(left: &Value, right: &Value) -> bool {
    left == right || order(left, right) == Some(Ordering::Equal)
}

/// The order of two values of a kind; `None` when they have none, as null has with anything.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left_text), Value::String(right_text)) => match (date(left), date(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => Some(left_text.cmp(right_text)),
        },
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`, as Python's fnmatch has them. Takes time proportional to the product of the
/// lengths at most.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, place));
                at += 1;
                continue;
            }
            None if place == text.len() => return true,
            Some(_) if place < text.len() => one(&pattern[at..], text[place]),
            _ => None,
        };
        match (step, retry) {
            (Some(length), _) => {
                at += length;
                place += 1;
            }
            // The last star takes one character more.
            (None, Some((after, from))) if from < text.len() => {
                retry = Some((after, from + 1));
                at = after;
                place = from + 1;
            }
            _ => return false,
        }
    }
}

/// Whether the first element of a pattern fits a character: then its length.
fn one(pattern: &[char], it: char) -> Option<usize> {
    let literal = |expected: char| (expected == it).then_some(1);
    match pattern {
        ['?', ..] => Some(1),
        ['[', rest @ ..] => {
            let negated = rest.first() == Some(&'!');
            let set = &rest[usize::from(negated)..];
            // A bracket right at the start belongs to the set.
            let Some(end) = set.iter().skip(1).position(|it| *it == ']').map(|end| end + 1) else {
                return literal('[');
            };
            let mut found = false;
            let mut set_left = &set[..end];
            while let Some(first) = set_left.first() {
                match set_left {
                    [low, '-', high, ..] => {
                        found |= (*low..=*high).contains(&it);
                        set_left = &set_left[3..];
                    }
                    _ => {
                        found |= *first == it;
                        set_left = &set_left[1..];
                    }
                }
            }
            (found != negated).then_some(1 + usize::from(negated) + end + 1)
        }
        [expected, ..] => literal(*expected),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Record {
        Record {
            msg_id: "abc_1".to_string(),
            submitted: "2026-11-22T07:00:00Z".parse().ok(),
            engine_uuid: Some("e1".to_string()),
            queue: Some("mux"),
            stdout: "hello".to_string(),
            label: json!(["a", "b"]),
            buffers: vec![anympi_zmq::Message::new(); 5],
            ..Record::default()
        }
    }

    fn fits(query: Value) -> bool {
        Query::parse(&query).unwrap().matches(&record())
    }

    #[test]
    fn every_operator_means_what_it_says() {
        let yes = [
            json!({}),
            json!({"msg_id": "abc_1"}),
            json!({"completed": null}),
            json!({"completed": {"$eq": null}}),
            json!({"engine_uuid": {"$ne": null}}),
            json!({"engine_uuid": {"$in": ["e0", "e1"]}}),
            json!({"engine_uuid": {"$nin": ["e0", "e2"]}}),
            json!({"submitted": {"$lt": "2026-11-22T08:00:00.5Z", "$gt": "2026-11-22T06:00:00+00:00"}}),
            json!({"submitted": "2026-11-22T08:00:00+01:00"}),
            json!({"submitted": {"$lte": "2026-11-22T07:00:00Z", "$gte": "2026-11-22T07:00:00Z"}}),
            json!({"label": {"$all": ["b", "a"]}}),
            json!({"buffers": {"$mod": [3, 2]}}),
            json!({"buffers": 5.0}),
            json!({"stdout": {"$exists": true}, "error": {"$exists": false}}),
            json!({"no_such_field": {"$exists": false}}),
            json!({"msg_id": {"$glob": "a*_?"}}),
            json!({"msg_id": "abc_1", "queue": "mux", "stdout": "hello"}),
            json!({"msg_id": {}}),
        ];
        let no = [
            json!({"msg_id": "abc"}),
            json!({"engine_uuid": null}),
            json!({"completed": {"$ne": null}}),
            json!({"completed": {"$lt": "2030-01-01T00:00:00Z"}}),
            json!({"submitted": {"$gt": "2026-11-22T08:00:00Z"}}),
            json!({"engine_uuid": {"$nin": ["e1"]}}),
            json!({"label": {"$all": ["a", "c"]}}),
            json!({"buffers": {"$mod": [3, 1]}}),
            json!({"stdout": {"$exists": false}}),
            json!({"msg_id": "abc_1", "queue": "task", "stdout": "hello"}),
            json!({"queue": "task", "msg_id": "abc_1"}),
        ];
        yes.into_iter().for_each(|query| assert!(fits(query.clone()), "{query}"));
        no.into_iter().for_each(|query| assert!(!fits(query.clone()), "{query}"));
    }

    #[test]
    fn what_is_no_query_is_an_error() {
        for query in [
            json!([]),
            json!(null),
            json!({"a": {"$no": 1}}),
            json!({"a": {"$in": 1}}),
            json!({"a": {"$mod": [0, 1]}}),
            json!({"a": {"$mod": [1]}}),
            json!({"a": {"$exists": 1}}),
            json!({"a": {"$glob": 1}}),
        ] {
            assert!(Query::parse(&query).is_err(), "{query}");
        }
    }

    #[test]
    fn globs_are_those_of_the_shell() {
        let check = |pattern: &str, text: &str| {
            glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
        };
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "x"),
            ("a*c*e", "abcde"),
            ("[ab]?[!x]", "bzy"),
            ("[a-c]*", "cat"),
            ("[]]", "]"),
            ("[", "["),
            ("*[0-9]", "a7"),
        ] {
            assert!(check(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "x"), ("?", ""), ("a*c", "abd"), ("[!a]", "a"), ("[a-c]", "d"), ("x", "xy")]
        {
            assert!(!check(pattern, text), "{pattern} {text}");
        }
        assert!(!check(&"*a".repeat(50), &"b".repeat(5000)), "hostile patterns end in time");
    }
}
