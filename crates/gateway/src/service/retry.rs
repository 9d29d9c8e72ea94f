//! When to try a step of an import again.

use std::time::Duration;

/// Tries of one step, the first included.
pub const TRIES_MAX: u32 = 5;
/// The wait after the first failure; it doubles with each.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// The longest wait, also if the upstream asks for more.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long to wait after `tries` failures, or `None` to give up: too many, or
/// not within what is `left` of the request.
#[must_use]
pub fn wait(tries: u32, asked: Option<Duration>, left: Duration) -> Option<Duration> {
    if tries >= TRIES_MAX {
        return None;
    }
    let doubled = WAIT_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let wait = asked.unwrap_or_default().max(doubled).min(WAIT_MAX);
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_heed_what_was_asked_and_end() {
        let ms = |tries, asked: Option<u64>, left| {
            let wait = wait(
                tries,
                asked.map(Duration::from_millis),
                Duration::from_millis(left),
            );
            wait.map(|wait| wait.as_millis())
        };
        let long = 60_000;
        assert_eq!(
            [1, 2, 3, 4].map(|n| ms(n, None, long)),
            [100, 200, 400, 800].map(Some)
        );
        assert_eq!(ms(TRIES_MAX, None, long), None);
        assert_eq!(ms(1, Some(1_000), long), Some(1_000));
        assert_eq!(ms(1, Some(3_600_000), long), Some(5_000));
        assert_eq!(ms(1, Some(1_000), 900), None);
    }
}
