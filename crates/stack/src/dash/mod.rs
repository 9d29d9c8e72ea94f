//! Dashboards as values: what is on them, not how Grafana writes it down.

mod json;
mod layout;
mod variables;

/// One dashboard.
#[derive(Debug)]
pub(crate) struct Dashboard {
    /// Its place in the address bar; never changes.
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) rows: Vec<Row>,
    /// Whether it also asks for traces and logs.
    pub(crate) asks: &'static [Source],
    /// How much time it shows at first.
    pub(crate) from: &'static str,
}

/// A row of panels under a heading.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) panels: Vec<Panel>,
}

/// Where a target's answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Prometheus,
    Loki,
    Tempo,
}

impl Source {
    /// The type of Grafana's plugin.
    pub(crate) const fn plugin(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Loki => "loki",
            Self::Tempo => "tempo",
        }
    }

    /// The variable that names the data source.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Prometheus => "datasource",
            Self::Loki => "loki_datasource",
            Self::Tempo => "tempo_datasource",
        }
    }
}

/// How a panel draws what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Lines over time.
    Lines,
    /// Lines that add up.
    Stacked,
    /// The last value, large.
    Figure,
    /// The last values, one a line.
    Table,
    /// Bars of the last values.
    Bars,
    /// Lines of a log.
    Logs,
    /// Traces found.
    Traces,
    /// Who calls whom.
    Graph,
}

/// What a value is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    BytesPerSecond,
    BytesPerHour,
    Seconds,
    PerSecond,
    RequestsPerSecond,
    Count,
    Ratio,
    Euros,
    None,
}

impl Unit {
    /// Grafana's word for it.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::BytesPerHour => "suffix:B/h",
            Self::Seconds => "s",
            Self::PerSecond => "ops",
            Self::RequestsPerSecond => "reqps",
            Self::Count => "short",
            Self::Ratio => "percentunit",
            Self::Euros => "currencyEUR",
            Self::None => "none",
        }
    }
}

/// From which value on a figure is which colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Steps {
    /// Always the same.
    Plain,
    /// Green, yellow from the first, red from the second.
    Above(f64, f64),
    /// Red below the first, yellow below the second, then green.
    Below(f64, f64),
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) source: Source,
    pub(crate) expr: String,
    pub(crate) legend: &'static str,
    /// Drawn as the dashed red line that nothing should reach.
    pub(crate) limit: bool,
    /// Why it may be empty in a healthy demo without containers; without such a
    /// reason the test wants data.
    pub(crate) may_be_empty: Option<&'static str>,
}

/// One panel.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) draw: Draw,
    pub(crate) unit: Unit,
    pub(crate) width: u32,
    pub(crate) steps: Steps,
    pub(crate) targets: Vec<Target>,
}

/// A panel without targets yet.
pub(crate) fn panel(
    draw: Draw,
    unit: Unit,
    title: &'static str,
    description: &'static str,
) -> Panel {
    Panel {
        title,
        description,
        draw,
        unit,
        width: if draw == Draw::Figure { 4 } else { 8 },
        steps: Steps::Plain,
        targets: Vec::new(),
    }
}

impl Panel {
    /// Columns of the 24 that the grid has.
    pub(crate) fn wide(mut self, width: u32) -> Self {
        self.width = width;
        self
    }

    /// Colours.
    pub(crate) fn steps(mut self, steps: Steps) -> Self {
        self.steps = steps;
        self
    }

    /// Adds a query that must have data.
    pub(crate) fn ask(self, legend: &'static str, expr: impl Into<String>) -> Self {
        self.target(Source::Prometheus, legend, expr.into(), None)
    }

    /// Adds a query that may be empty, and says why.
    pub(crate) fn ask_maybe(
        self,
        legend: &'static str,
        expr: impl Into<String>,
        why: &'static str,
    ) -> Self {
        self.target(Source::Prometheus, legend, expr.into(), Some(why))
    }

    /// Adds a limit: a line that nothing should reach.
    pub(crate) fn limit(
        mut self,
        legend: &'static str,
        expr: impl Into<String>,
        why_empty: Option<&'static str>,
    ) -> Self {
        self = self.target(Source::Prometheus, legend, expr.into(), why_empty);
        if let Some(target) = self.targets.last_mut() {
            target.limit = true;
        }
        self
    }

    /// Adds a query of logs or traces.
    pub(crate) fn from(self, source: Source, expr: impl Into<String>) -> Self {
        let why = "Loki and Tempo are not on this machine";
        self.target(source, "", expr.into(), Some(why))
    }

    fn target(
        mut self,
        source: Source,
        legend: &'static str,
        expr: String,
        may_be_empty: Option<&'static str>,
    ) -> Self {
        self.targets.push(Target {
            source,
            expr,
            legend,
            limit: false,
            may_be_empty,
        });
        self
    }
}

impl Dashboard {
    /// As Grafana reads it, without the last line break.
    pub(crate) fn json(&self) -> String {
        json::text(self)
    }

    /// The same as a value.
    pub(crate) fn value(&self) -> serde_json::Value {
        json::whole(self)
    }

    /// All panels in order.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }
}

pub(crate) use variables::VARIABLE_QUERIES;
