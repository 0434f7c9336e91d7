//! All records, within bounds.

use std::collections::{BTreeMap, HashMap};

use super::{Query, Record};

/// How much is kept. When a limit is passed the oldest records go, a tenth of the limit at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most records (`--DictDB.record_limit`).
    pub records: usize,
    /// The most bytes in all of them together (`--DictDB.size_limit`).
    pub bytes: usize,
}

impl Default for Limits {
    /// 1,024 records and 1 GiB, as the stock controller has them.
    fn default() -> Limits {
        Limits { records: 1024, bytes: 1 << 30 }
    }
}

/// Records by age and by message id.
#[derive(Debug)]
pub struct Store {
    /// `None`: nothing is kept.
    limits: Option<Limits>,
    by_age: BTreeMap<u64, (Record, usize)>,
    ages: HashMap<String, u64>,
    next_age: u64,
    bytes: usize,
}

impl Store {
    /// A store within these limits, or one that keeps nothing.
    pub fn new(limits: Option<Limits>) -> Store {
        Store { limits, by_age: BTreeMap::new(), ages: HashMap::new(), next_age: 0, bytes: 0 }
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.limits.is_some()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    /// The bytes that all records keep.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Add a record; one with the same id is replaced.
    pub fn insert(&mut self, record: Record) {
        if self.limits.is_none() {
            return;
        }
        self.remove(&record.msg_id);
        let size = record.size();
        self.ages.insert(record.msg_id.clone(), self.next_age);
        self.by_age.insert(self.next_age, (record, size));
        self.next_age += 1;
        self.bytes += size;
        self.cull();
    }

    /// The record of a message.
    pub fn get(&self, msg_id: &str) -> Option<&Record> {
        self.by_age.get(self.ages.get(msg_id)?).map(|(record, _)| record)
    }

    /// Change a record; nothing happens when there is none.
    pub fn update(&mut self, msg_id: &str, change: impl FnOnce(&mut Record)) {
        let Some((record, size)) = self.ages.get(msg_id).and_then(|age| self.by_age.get_mut(age)) else {
            return;
        };
        change(record);
        self.bytes -= *size;
        *size = record.size();
        self.bytes += *size;
        self.cull();
    }

    /// Drop a record.
    pub fn remove(&mut self, msg_id: &str) {
        if let Some((_, size)) = self.ages.remove(msg_id).and_then(|age| self.by_age.remove(&age)) {
            self.bytes -= size;
        }
    }

    /// Drop all records that a test accepts.
    pub fn remove_where(&mut self, mut test: impl FnMut(&Record) -> bool) {
        let found: Vec<String> =
            self.iter().filter(|record| test(record)).map(|record| record.msg_id.clone()).collect();
        found.iter().for_each(|msg_id| self.remove(msg_id));
    }

    /// All records, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.by_age.values().map(|(record, _)| record)
    }

    /// The records that a query finds, the oldest first.
    pub fn find<'a>(&'a self, query: &Query) -> Vec<&'a Record> {
        match query.msg_ids() {
            Some(msg_ids) => {
                let mut ages: Vec<&u64> =
                    msg_ids.iter().filter_map(|msg_id| self.ages.get(*msg_id)).collect();
                ages.sort_unstable();
                ages.dedup();
                let records =
                    ages.into_iter().filter_map(|age| self.by_age.get(age)).map(|(record, _)| record);
                records.filter(|record| query.matches(record)).collect()
            }
            None => self.iter().filter(|record| query.matches(record)).collect(),
        }
    }

    /// Message ids by the time of submission.
    pub fn history(&self) -> Vec<&str> {
        let mut records: Vec<&Record> = self.iter().filter(|record| record.submitted.is_some()).collect();
        records.sort_by_key(|record| record.submitted);
        records.into_iter().map(|record| record.msg_id.as_str()).collect()
    }

    fn cull(&mut self) {
        let Some(limits) = self.limits else { return };
        if self.by_age.len() > limits.records {
            let keep = limits.records - limits.records / 10;
            while self.by_age.len() > keep && self.drop_oldest() {}
        }
        if self.bytes > limits.bytes {
            let keep = limits.bytes - limits.bytes / 10;
            while self.bytes > keep && self.drop_oldest() {}
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, (record, size))) = self.by_age.pop_first() else { return false };
        self.ages.remove(&record.msg_id);
        self.bytes -= size;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anympi_zmq::Message;

    fn record(number: usize, size: usize) -> Record {
        let buffers = vec![Message::from(vec![0; size])];
        Record { msg_id: format!("m{number}"), buffers, ..Record::default() }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut store = Store::new(Some(Limits { records: 100, bytes: usize::MAX }));
        for number in 0..1000 {
            store.insert(record(number, 10));
            assert!(store.len() <= 100 && store.get(&format!("m{number}")).is_some());
        }
        assert!(store.get("m899").is_none());
    }

    #[test]
    fn the_oldest_go_when_they_are_too_big() {
        let mut store = Store::new(Some(Limits { records: 1000, bytes: 1 << 20 }));
        for number in 0..100 {
            store.insert(record(number, 100_000));
            assert!(store.bytes() <= 1 << 20);
        }
        assert!(store.len() >= 8);
        store.update("m99", |record| record.result_buffers = vec![Message::from(vec![0; 2 << 20])]);
        assert_eq!((store.len(), store.bytes()), (0, 0), "a record above the limit is not kept");
    }

    #[test]
    fn bytes_are_counted_exactly() {
        let mut store = Store::new(Some(Limits::default()));
        (0..10).for_each(|number| store.insert(record(number, 1000)));
        store.update("m3", |record| record.stdout = "x".repeat(50));
        store.insert(record(3, 7));
        store.remove_where(|record| record.msg_id != "m5");
        assert_eq!(store.bytes(), store.get("m5").unwrap().size());
        store.remove("m5");
        assert_eq!((store.len(), store.bytes()), (0, 0));
    }

    #[test]
    fn without_limits_nothing_is_kept() {
        let mut store = Store::new(None);
        store.insert(record(1, 1));
        assert!(store.is_empty() && !store.is_on());
    }
}
