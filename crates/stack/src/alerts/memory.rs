//! Memory: growth, the forecast, the limit, the kernel's last word.

use super::recording::{KILLED, RUNWAY, SLOPE, USED, grown_up, rising};
use super::series::{INSTANCE, JOB, Values, labels};
use super::{Alert, Bad, Group, Input, Severity};
use crate::names::{ALLOCATOR_ALLOCATED, CGROUP_KILLS, Named as _, PROCESS_RESIDENT};
use crate::query::any;

/// One MiB.
pub(super) const MIB: f64 = 1_048_576.0;

/// The group.
pub(super) fn group() -> Group {
    Group {
        name: "memory",
        recordings: Vec::new(),
        alerts: vec![grows(), runs_out(), near_limit(), killed()],
        cases: Vec::new(),
    }
}

fn grows() -> Alert {
    let allocated = any(&ALLOCATOR_ALLOCATED);
    Alert {
        name: "MemoryGrows",
        severity: Severity::Medium,
        // 8 MiB an hour is 1.3 GiB a week: slower leaks survive until a deployment.
        expr: format!(
            "{SLOPE} > 8 * 1024 * 1024\nand on (job, instance) {}\nand on (job, instance) {}",
            grown_up(),
            rising(&allocated, "10m", ["10m", "20m", "30m"], "1"),
        ),
        hold: "15m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} allocates more and more: over 8 \
        MiB an hour",
        runbook: "memory-grows",
        bad: Bad {
            inputs: vec![Input::new(
                ALLOCATOR_ALLOCATED.named(),
                Values::rising(64.0 * MIB, MIB / 4.0, 180),
            )],
            silent_at: 40,
            fires_at: 90,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn runs_out() -> Alert {
    Alert {
        name: "MemoryRunsOut",
        severity: Severity::Critical,
        expr: format!("{RUNWAY} < 4 * 3600"),
        hold: "15m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} reaches its memory limit in less \
        than four hours",
        runbook: "memory-runs-out",
        bad: Bad {
            // 1 MiB a minute: 192 MiB are left after an hour, three hours' worth.
            inputs: vec![Input::new(
                PROCESS_RESIDENT.named(),
                Values::rising(64.0 * MIB, MIB, 120),
            )],
            silent_at: 40,
            fires_at: 75,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn near_limit() -> Alert {
    Alert {
        name: "MemoryNearLimit",
        severity: Severity::High,
        expr: format!("{USED} > 0.85"),
        hold: "5m",
        summary: "{{ $labels.job }} on {{ $labels.instance }} uses more than 85 % of its \
        memory limit",
        runbook: "memory-near-limit",
        bad: Bad {
            inputs: vec![Input::new(
                PROCESS_RESIDENT.named(),
                Values::flat(230.0 * MIB, 20),
            )],
            silent_at: 4,
            fires_at: 10,
            labels: labels([JOB, INSTANCE]),
        },
    }
}

fn killed() -> Alert {
    Alert {
        name: "KilledForMemory",
        severity: Severity::Critical,
        expr: format!("{KILLED} > 0"),
        hold: "0m",
        summary: "the kernel killed a process in the container of {{ $labels.job }} on {{ \
        $labels.instance }}",
        runbook: "killed-for-memory",
        bad: Bad {
            inputs: vec![Input::new(
                CGROUP_KILLS.named(),
                Values::flat(0.0, 10).jump(1.0).stay(20),
            )],
            silent_at: 9,
            fires_at: 13,
            labels: labels([JOB, INSTANCE]),
        },
    }
}
