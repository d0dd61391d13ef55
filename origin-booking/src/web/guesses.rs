//! How many discount codes were tried in vain on an order: looking at a page costs no key, so guessing has to cost
//! something else.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Codes in vain, an order.
const MAX_WRONG: u32 = 10;
/// Orders that are counted; beyond that all begin again.
const MAX_COUNTED: usize = 50_000;

#[derive(Default)]
pub(super) struct Guesses(Mutex<HashMap<String, u32>>);

impl Guesses {
    pub(super) fn are_spent(&self, order: &str) -> bool {
        self.0.lock().get(order).is_some_and(|wrong| *wrong >= MAX_WRONG)
    }

    pub(super) fn note_wrong(&self, order: &str) {
        let mut wrong = self.0.lock();
        if wrong.len() >= MAX_COUNTED && !wrong.contains_key(order) {
            wrong.clear();
        }
        *wrong.entry(order.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_codes_an_order_and_no_more_orders_than_are_counted() {
        let guesses = Guesses::default();
        for _ in 0..MAX_WRONG {
            assert!(!guesses.are_spent("A"));
            guesses.note_wrong("A");
        }
        assert!(guesses.are_spent("A") && !guesses.are_spent("B"));
        for order in 0..MAX_COUNTED {
            guesses.note_wrong(&order.to_string());
        }
        assert!(guesses.0.lock().len() <= MAX_COUNTED && !guesses.are_spent("A"));
    }
}
