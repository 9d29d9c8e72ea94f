//! Faults as a switch: what a listener does wrong, and how often.
//!
//! The plan is plain data; what befalls one request is drawn from it with a
//! random source that is given, so that tests can give their own.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// The longest delay that can be asked for.
pub const DELAY_MS_MAX: u64 = 60_000;

/// How one listener misbehaves. All zero: not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// Waits this long before the work, in milliseconds.
    pub latency_ms: u64,
    /// Waits up to this much longer, evenly spread.
    pub jitter_ms: u64,
    /// Answers 500 and does nothing.
    pub error_rate: f64,
    /// Does the work and then closes the connection in the middle of the reply.
    pub lost_reply_rate: f64,
    /// Does the work and answers only after `late_ms`.
    pub late_rate: f64,
    /// How late a late reply is, in milliseconds.
    pub late_ms: u64,
    /// Takes the money twice.
    pub double_capture_rate: f64,
    /// Does the work and states one minor unit too much.
    pub misreport_rate: f64,
    /// Takes requests and never answers.
    pub hang: bool,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            jitter_ms: 0,
            error_rate: 0.0,
            lost_reply_rate: 0.0,
            late_rate: 0.0,
            late_ms: 3_000,
            double_capture_rate: 0.0,
            misreport_rate: 0.0,
            hang: false,
        }
    }
}

/// What befalls one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Wait before the work.
    pub delay: Duration,
    /// Never answer.
    pub hang: bool,
    /// Answer 500 and do nothing.
    pub fail: bool,
    /// Take the money twice.
    pub twice: bool,
    /// State one minor unit too much.
    pub misreport: bool,
    /// Wait between the work and the answer.
    pub late: Duration,
    /// Close the connection in place of the answer.
    pub lose: bool,
}

impl FaultPlan {
    /// Checks that rates are shares and delays are bounded.
    ///
    /// # Errors
    ///
    /// A sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        let rates = [
            ("error_rate", self.error_rate),
            ("lost_reply_rate", self.lost_reply_rate),
            ("late_rate", self.late_rate),
            ("double_capture_rate", self.double_capture_rate),
            ("misreport_rate", self.misreport_rate),
        ];
        if let Some((name, _)) = rates.iter().find(|(_, r)| !(0.0..=1.0).contains(r)) {
            return Err(format!("{name} must be 0 to 1"));
        }
        let delays = [
            ("latency_ms", self.latency_ms),
            ("jitter_ms", self.jitter_ms),
            ("late_ms", self.late_ms),
        ];
        match delays.iter().find(|(_, ms)| *ms > DELAY_MS_MAX) {
            Some((name, _)) => Err(format!("{name} must be 0 to {DELAY_MS_MAX}")),
            None => Ok(()),
        }
    }

    /// Draws what befalls one request.
    pub fn draw(&self, random: &mut impl Rng) -> Fate {
        let jitter = match self.jitter_ms {
            0 => 0,
            most => random.random_range(0..=most),
        };
        let mut hit = |rate: f64| rate > 0.0 && random.random_bool(rate.min(1.0));
        Fate {
            delay: Duration::from_millis(self.latency_ms + jitter),
            hang: self.hang,
            fail: hit(self.error_rate),
            twice: hit(self.double_capture_rate),
            misreport: hit(self.misreport_rate),
            late: match hit(self.late_rate) {
                true => Duration::from_millis(self.late_ms),
                false => Duration::ZERO,
            },
            lose: hit(self.lost_reply_rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_plan_without_faults_does_nothing() {
        let mut random = StdRng::seed_from_u64(1);
        assert_eq!(FaultPlan::default().draw(&mut random), Fate::default());
    }

    #[test]
    fn rates_are_shares_of_the_requests() {
        let plan = FaultPlan {
            error_rate: 0.25,
            lost_reply_rate: 1.0,
            ..FaultPlan::default()
        };
        let mut random = StdRng::seed_from_u64(7);
        let fates: Vec<Fate> = (0..4_000).map(|_| plan.draw(&mut random)).collect();
        let failed = fates.iter().filter(|fate| fate.fail).count();
        assert!((900..1_100).contains(&failed), "{failed} of 4,000 failed");
        assert!(fates.iter().all(|fate| fate.lose && !fate.twice));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let too_often = FaultPlan {
            late_rate: 1.5,
            ..FaultPlan::default()
        };
        assert_eq!(too_often.check(), Err("late_rate must be 0 to 1".into()));
        let not_a_number = FaultPlan {
            error_rate: f64::NAN,
            ..FaultPlan::default()
        };
        assert!(not_a_number.check().is_err());
        let too_slow = FaultPlan {
            latency_ms: DELAY_MS_MAX + 1,
            ..FaultPlan::default()
        };
        assert_eq!(
            too_slow.check(),
            Err("latency_ms must be 0 to 60000".into())
        );
        assert!(serde_json::from_str::<FaultPlan>(r#"{"latency": 5}"#).is_err());
    }
}
