//! Which changes of an order somebody who comes back has not seen yet.

/// What is to be done with a change that came from upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was seen: go on.
    Skip,
    /// Send it.
    Send,
}

/// Whoever watches, and the version seen last.
///
/// An event's id is the order's version, which grows with every durable step:
/// what comes in `Last-Event-ID` says what was seen, and no state is kept for
/// readers that are away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resume {
    seen: Option<i64>,
}

impl Resume {
    /// A reader that says it has seen `last`, or nothing, of an order that is at
    /// `version` now. A version that the order has not reached was never sent: it
    /// is of another order, or from before a backup was brought back.
    #[must_use]
    pub fn after(last: Option<i64>, version: i64) -> Self {
        Self {
            seen: last.filter(|seen| *seen <= version),
        }
    }

    /// Whether an order at `version`, in an end state or not, has nothing left
    /// to tell: then the reader must not come back.
    #[must_use]
    pub fn is_over(&self, version: i64, is_end: bool) -> bool {
        is_end && self.seen.is_some_and(|seen| seen >= version)
    }

    /// What to do with `version`; a version that is sent counts as seen.
    pub fn step(&mut self, version: i64) -> Step {
        if self.seen.is_some_and(|seen| seen >= version) {
            return Step::Skip;
        }
        self.seen = Some(version);
        Step::Send
    }
}

/// Reads `Last-Event-ID`: a version that was sent as an event's id.
#[must_use]
pub fn event_id(text: &str) -> Option<i64> {
    let version = text.parse().ok()?;
    (version >= 0 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_passed_over() {
        let mut new = Resume::default();
        let steps = [1, 1, 3, 2, 4].map(|version| new.step(version));
        use Step::{Send, Skip};
        assert_eq!(steps, [Send, Skip, Send, Skip, Send]);
        assert_eq!(Resume::after(Some(3), 3).step(3), Skip);
        assert_eq!(Resume::after(Some(3), 3).step(4), Send);
        assert_eq!(Resume::after(Some(4), 3).step(3), Send);
    }

    #[test]
    fn only_an_end_that_was_seen_is_over() {
        assert!(Resume::after(Some(5), 5).is_over(5, true));
        assert!(!Resume::after(Some(4), 5).is_over(5, true));
        assert!(!Resume::after(Some(6), 5).is_over(5, true));
        assert!(!Resume::after(Some(5), 5).is_over(5, false));
        assert!(!Resume::default().is_over(5, true));
    }

    #[test]
    fn event_ids_are_versions() {
        assert_eq!(event_id("12"), Some(12));
        for bad in ["", "-1", "+1", "1.0", "99999999999999999999", "x"] {
            assert_eq!(event_id(bad), None, "{bad}");
        }
    }
}
