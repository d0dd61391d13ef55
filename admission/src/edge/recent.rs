//! A bounded memory of what was seen last: at the bound the oldest is forgotten.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most `max` entries; putting an entry makes it the newest.
#[derive(Clone, Debug)]
pub struct Recent<K, V> {
    max: usize,
    entries: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    #[must_use]
    pub fn new(max: usize) -> Recent<K, V> {
        Recent {
            max,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }

    pub fn put(&mut self, key: K, value: V) {
        if let Some((age, _)) = self.entries.insert(key, (self.next, value)) {
            self.order.remove(&age);
        }
        self.order.insert(self.next, key);
        self.next += 1;
        if self.entries.len() > self.max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Changing an entry does not make it newer.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (age, value) = self.entries.remove(key)?;
        self.order.remove(&age);
        Some(value)
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order
            .values()
            .filter_map(|key| self.entries.get(key).map(|(_, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_past_the_bound_forgets_the_oldest() {
        let mut recent = Recent::new(3);
        for key in [1, 2, 3] {
            recent.put(key, key * 10);
        }
        recent.put(1, 11);
        recent.put(4, 40);
        assert_eq!(recent.len(), 3);
        assert!(!recent.contains(&2), "2 was the oldest: 1 had been put again");
        assert_eq!(
            recent.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>(),
            [(3, 30), (1, 11), (4, 40)]
        );
        assert_eq!(recent.remove(&1), Some(11));
        assert_eq!(recent.len(), 2);
        assert_eq!(recent.iter().count(), 2);
    }
}
