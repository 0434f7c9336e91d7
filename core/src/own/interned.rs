//! Values that are kept for the life of the process and shared by content, so a program that repeats itself needs no
//! more memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{LazyLock, Mutex, PoisonError};

/// A set of values, each made once.
pub struct Interned<K, V>(LazyLock<Mutex<HashMap<K, V>>>);

impl<K: Eq + Hash, V: Copy> Interned<K, V> {
    /// An empty set.
    pub const fn new() -> Self {
        Self(LazyLock::new(|| Mutex::new(HashMap::new())))
    }

    /// The value for a key, made now if it is the first time.
    pub fn get(&self, key: K, make: impl FnOnce(&K) -> Option<V>) -> Option<V> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&value) = known.get(&key) {
            return Some(value);
        }
        let value = make(&key)?;
        known.insert(key, value);
        Some(value)
    }
}
