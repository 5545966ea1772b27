//! The last elements of a numbered list, each written as JSON once for all readers.

use std::collections::VecDeque;

use serde_json::Value;

/// A bounded list of events or steps. Readers remember how far they have read.
#[derive(Debug)]
pub(super) struct Tail {
    kept: VecDeque<(u64, String)>,
    kept_max: usize,
    next: u64,
}

impl Tail {
    pub(super) fn new(kept_max: usize) -> Self {
        Self { kept: VecDeque::new(), kept_max, next: 0 }
    }

    /// The number of the next element.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Adds the answer to an order: the list of that name, each element with a `seq`, and `next`.
    pub(super) fn take(&mut self, answer: &Value, list: &str) {
        for element in answer[list].as_array().into_iter().flatten() {
            if let Some(seq) = element["seq"].as_u64().filter(|seq| *seq >= self.next) {
                self.next = seq + 1;
                self.kept.push_back((seq, element.to_string()));
            }
        }
        while self.kept.len() > self.kept_max {
            self.kept.pop_front();
        }
        self.next = self.next.max(answer["next"].as_u64().unwrap_or(0));
    }

    /// The elements from that number on: the inside of a JSON array.
    pub(super) fn since(&self, from: u64) -> String {
        let first = self.kept.partition_point(|(seq, _)| *seq < from);
        let new: Vec<&str> = self.kept.range(first..).map(|(_, text)| text.as_str()).collect();
        new.join(",")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Tail;

    #[test]
    fn readers_get_what_is_new_to_them_and_the_oldest_go() {
        let mut tail = Tail::new(3);
        assert_eq!((tail.next(), tail.since(0)), (0, String::new()));
        let events: Vec<_> = (5..9).map(|seq| json!({ "seq": seq })).collect();
        tail.take(&json!({"events": events, "next": 9}), "events");
        tail.take(&json!({"events": events, "next": 9}), "events");
        assert_eq!(tail.next(), 9);
        assert_eq!(tail.since(0), r#"{"seq":6},{"seq":7},{"seq":8}"#);
        assert_eq!(tail.since(8), r#"{"seq":8}"#);
        assert_eq!(tail.since(9), "");
        tail.take(&json!({"error": "none"}), "events");
        assert_eq!(tail.next(), 9);
    }
}
