//! What a line says.

use serde::Serialize;
use shop_types::OrderId;
use watertight_core::TraceContext;

use crate::model::{Order, State};

/// An order's end, as small as detached work may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    order: OrderId,
    status: State,
    time_ms: i64,
}

#[derive(Serialize)]
struct Line {
    time_ms: i64,
    order: String,
    status: &'static str,
    trace_id: Option<String>,
}

impl Entry {
    /// Of an order as it stands.
    pub(crate) fn of(order: &Order) -> Self {
        Self {
            order: order.id,
            status: order.state,
            time_ms: order.updated_ms,
        }
    }

    /// One line of JSON, with its line break.
    pub(crate) fn line(self, trace: Option<TraceContext>) -> Vec<u8> {
        let line = Line {
            time_ms: self.time_ms,
            order: self.order.to_string(),
            status: self.status.name(),
            trace_id: trace.map(|trace| trace.trace_id().to_string()),
        };
        // Nothing in it can fail to become JSON.
        let mut line = serde_json::to_vec(&line).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object() {
        let order = OrderId::at(7);
        let entry = Entry {
            order,
            status: State::Confirmed,
            time_ms: 7,
        };
        let line = entry.line(Some(TraceContext::new(0xab, 1)));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(json["order"], order.to_string().as_str());
        assert_eq!(
            (&json["status"], &json["time_ms"]),
            (&"confirmed".into(), &7.into())
        );
        assert_eq!(json["trace_id"], format!("{:032x}", 0xab).as_str());
        let none: serde_json::Value = serde_json::from_slice(&entry.line(None)).unwrap();
        assert!(none["trace_id"].is_null());
    }
}
