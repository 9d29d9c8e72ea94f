//! PromQL from series of the catalogue: a series that is renamed breaks the
//! build here, not a panel in front of somebody.

use std::fmt::Write as _;

use crate::names::Named;

/// The range over which panels look at counters: Grafana makes it at least four
/// scrapes long, so that no rate is empty.
pub(crate) const RATE: &str = "$__rate_interval";

/// Requests that the server failed; what callers did wrong, and callers that left,
/// don't count.
pub(crate) const FAILED: &str = r#"error_type!~"|caller_left""#;

/// What each query of a dashboard is narrowed to by its variables.
const CHOSEN: &str = r#"job=~"$job", instance=~"$instance""#;

/// A series and what is asked of its labels.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    name: String,
    matchers: String,
}

/// A series in a dashboard: what its variables choose.
pub(crate) fn chosen(series: &impl Named) -> Selector {
    Selector {
        name: series.named().to_owned(),
        matchers: CHOSEN.to_owned(),
    }
}

/// A series in a rule: wherever it comes from.
pub(crate) fn any(series: &impl Named) -> Selector {
    Selector {
        name: series.named().to_owned(),
        matchers: String::new(),
    }
}

/// What a rule has recorded, in a dashboard.
pub(crate) fn recorded(name: &str) -> Selector {
    Selector {
        name: name.to_owned(),
        matchers: CHOSEN.to_owned(),
    }
}

impl Selector {
    /// Narrows it further, for example by `status=~"5.."`.
    pub(crate) fn with(mut self, matcher: &str) -> Self {
        if !self.matchers.is_empty() {
            self.matchers.push_str(", ");
        }
        self.matchers.push_str(matcher);
        self
    }

    /// The value now. Only for gauges.
    pub(crate) fn now(&self) -> String {
        match self.matchers.as_str() {
            "" => self.name.clone(),
            matchers => format!("{}{{{matchers}}}", self.name),
        }
    }

    /// The values of a time, for functions `…_over_time`, `deriv` and the like.
    pub(crate) fn over(&self, range: &str) -> String {
        format!("{}[{range}]", self.now())
    }

    /// The values of a time that ended a while ago.
    pub(crate) fn over_before(&self, range: &str, offset: &str) -> String {
        format!("{}[{range}] offset {offset}", self.now())
    }

    /// Growth of a counter a second, as panels show it.
    pub(crate) fn rate(&self) -> String {
        self.rate_over(RATE)
    }

    /// Growth of a counter a second.
    pub(crate) fn rate_over(&self, range: &str) -> String {
        format!("rate({})", self.over(range))
    }

    /// Growth of a counter in a time.
    pub(crate) fn increase_over(&self, range: &str) -> String {
        format!("increase({})", self.over(range))
    }

    /// One of the parts that a histogram is stored as: `bucket`, `sum`, `count`.
    pub(crate) fn part(&self, part: &str) -> Self {
        Self {
            name: format!("{}_{part}", self.name),
            matchers: self.matchers.clone(),
        }
    }

    /// A quantile of a histogram, by labels.
    pub(crate) fn quantile(&self, quantile: &str, by: &str, range: &str) -> String {
        let rate = self.part("bucket").rate_over(range);
        let mut labels = "le".to_owned();
        if !by.is_empty() {
            // Writing to a string can't fail.
            let _ = write!(labels, ", {by}");
        }
        format!("histogram_quantile({quantile}, sum by ({labels}) ({rate}))")
    }

    /// The mean of a histogram, by labels.
    pub(crate) fn mean(&self, by: &str, range: &str) -> String {
        let (sum, count) = (self.part("sum"), self.part("count"));
        format!(
            "{} / {}",
            sum_by(by, &sum.rate_over(range)),
            sum_by(by, &count.rate_over(range))
        )
    }
}

/// The sum by labels.
pub(crate) fn sum_by(by: &str, of: &str) -> String {
    format!("sum by ({by}) ({of})")
}

/// The largest by labels.
pub(crate) fn max_by(by: &str, of: &str) -> String {
    format!("max by ({by}) ({of})")
}

/// The smallest of each group.
pub(crate) fn min_by(by: &str, of: &str) -> String {
    format!("min by ({by}) ({of})")
}

/// Those with the largest values.
pub(crate) fn top(n: u32, of: &str) -> String {
    format!("topk({n}, {of})")
}
