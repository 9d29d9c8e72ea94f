//! *Memory trends*: when will it run out, and who is eating it?

use super::absent::{CGROUP, PSI, YOUNG};
use super::growth;
use crate::dash::{Dashboard, Draw, Panel, Row, Steps, Unit, panel};
use crate::names::{
    ALLOCATOR_ACTIVE, ALLOCATOR_ALLOCATED, ALLOCATOR_MAPPED, ALLOCATOR_METADATA,
    ALLOCATOR_REQUESTED, ALLOCATOR_RESIDENT, ALLOCATOR_RETAINED, CGROUP_PRESSURE, CGROUP_USAGE,
    CGROUP_WORKING_SET, MACHINE_AVAILABLE, PROCESS_CPU, PROCESS_FDS, PROCESS_FDS_MAX,
    PROCESS_RESIDENT, PROCESS_THREADS,
};
use crate::query::{chosen, max_by, recorded, sum_by};

/// The dashboard.
pub(super) fn board() -> Dashboard {
    Dashboard {
        uid: "watertight-memory",
        title: "Memory trends",
        description: "When will memory run out, and who is eating it?",
        asks: &[],
        from: "now-1h",
        rows: vec![
            Row {
                title: "Now and soon",
                panels: vec![share(), to_limit(), slope_now(), kills()],
            },
            Row {
                title: "Forecast",
                panels: vec![forecast(), slope(), runway()],
            },
            Row {
                title: "Who holds it",
                panels: vec![
                    layers(),
                    fragmentation(),
                    foreign(),
                    allocating(),
                    reserved(),
                    resident(),
                ],
            },
            Row {
                title: "What grows with it",
                panels: growth::panels(),
            },
            Row {
                title: "The process and its container",
                panels: vec![
                    descriptors(),
                    threads(),
                    processor(),
                    container(),
                    pressure(),
                ],
            },
        ],
    }
}

fn share() -> Panel {
    panel(
        Draw::Bars,
        Unit::Ratio,
        "Of the limit",
        "Resident memory as a part of the limit: the container's, else the machine's.",
    )
    .steps(Steps::Above(0.7, 0.85))
    .ask(
        "{{job}}",
        max_by("job", &recorded("watertight:memory_used_ratio").now()),
    )
}

fn to_limit() -> Panel {
    panel(
        Draw::Bars,
        Unit::Seconds,
        "Time to the limit",
        "At the slope of the last half hour. Nothing is said of a process that is younger than that, \
         grows by less than 1 KiB a second, or hasn't grown in each of the last three ten minutes.",
    )
    .steps(Steps::Below(14_400.0, 86_400.0))
    .ask_maybe(
        "{{job}}",
        recorded("watertight:memory_seconds_to_limit").now(),
        YOUNG,
    )
}

fn slope_now() -> Panel {
    panel(
        Draw::Bars,
        Unit::BytesPerHour,
        "Growth per hour",
        "Slope of what the program itself has allocated, over the last half hour.",
    )
    .ask(
        "{{job}}",
        recorded("watertight:memory_slope_bytes_per_hour").now(),
    )
}

fn kills() -> Panel {
    panel(
        Draw::Figure,
        Unit::Count,
        "Killed for memory",
        "Processes of the container that the kernel killed for want of memory, in the last hour.",
    )
    .wide(8)
    .steps(Steps::Above(1.0, 1.0))
    .ask_maybe(
        "{{job}}",
        recorded("watertight:killed_for_memory:increase1h").now(),
        CGROUP,
    )
}

fn forecast() -> Panel {
    let rss = chosen(&PROCESS_RESIDENT);
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Resident now, in four hours, and the limit",
        "Where a straight line through the last half hour will be in four hours. \
         The dashed line is the limit: the container's, else the machine's.",
    )
    .wide(12)
    .ask("{{job}} now", max_by("job", &rss.now()))
    .ask(
        "{{job}} in four hours",
        max_by(
            "job",
            &format!("predict_linear({}, 4 * 3600)", rss.over("30m")),
        ),
    )
    .limit(
        "{{job}} limit",
        max_by("job", &recorded("watertight:memory_limit_bytes").now()),
        None,
    )
}

fn slope() -> Panel {
    panel(
        Draw::Lines,
        Unit::BytesPerHour,
        "Growth per hour",
        "Slope of allocated and of resident memory over half an hour. \
         Both rising is growth; resident alone is retention or fragmentation.",
    )
    .wide(12)
    .ask(
        "{{job}} allocated",
        recorded("watertight:memory_slope_bytes_per_hour").now(),
    )
    .ask(
        "{{job}} resident",
        format!("3600 * deriv({})", chosen(&PROCESS_RESIDENT).over("30m")),
    )
}

fn runway() -> Panel {
    panel(
        Draw::Lines,
        Unit::Seconds,
        "Time to the limit",
        "The forecast over time; a line that falls as fast as time goes by is a leak.",
    )
    .wide(24)
    .ask_maybe(
        "{{job}} {{instance}}",
        recorded("watertight:memory_seconds_to_limit").now(),
        YOUNG,
    )
}

fn layers() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Layers of the allocator",
        "Allocated: what the program holds. Active: the pages it is in. Resident: with what the \
         allocator keeps. Mapped: with what isn't in memory yet.",
    )
    .ask(
        "{{job}} allocated",
        sum_by("job", &chosen(&ALLOCATOR_ALLOCATED).now()),
    )
    .ask(
        "{{job}} active",
        sum_by("job", &chosen(&ALLOCATOR_ACTIVE).now()),
    )
    .ask(
        "{{job}} resident",
        sum_by("job", &chosen(&ALLOCATOR_RESIDENT).now()),
    )
    .ask(
        "{{job}} mapped",
        sum_by("job", &chosen(&ALLOCATOR_MAPPED).now()),
    )
}

fn fragmentation() -> Panel {
    let (active, allocated) = (chosen(&ALLOCATOR_ACTIVE), chosen(&ALLOCATOR_ALLOCATED));
    panel(
        Draw::Lines,
        Unit::Ratio,
        "Fragmentation",
        "The part of the pages in use that nothing is in: 1 − allocated ÷ active.",
    )
    .ask(
        "{{job}}",
        format!(
            "1 - {} / {}",
            sum_by("job", &allocated.now()),
            sum_by("job", &active.now())
        ),
    )
}

fn foreign() -> Panel {
    let (rss, resident) = (chosen(&PROCESS_RESIDENT), chosen(&ALLOCATOR_RESIDENT));
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Not from the allocator",
        "Resident memory that the allocator doesn't know: code, stacks, mapped files.",
    )
    .ask(
        "{{job}}",
        format!(
            "{} - {}",
            sum_by("job", &rss.now()),
            sum_by("job", &resident.now())
        ),
    )
}

fn allocating() -> Panel {
    panel(
        Draw::Lines,
        Unit::BytesPerSecond,
        "Allocation rate",
        "What is allocated a second, whether it is freed or not. A rate that rises alone is \
        traffic or churn, not a leak.",
    )
    .ask(
        "{{job}}",
        sum_by("job", &chosen(&ALLOCATOR_REQUESTED).rate()),
    )
}

fn reserved() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Retained and metadata",
        "Retained: address space that the allocator keeps and no memory is behind. Metadata: \
        its own books.",
    )
    .ask(
        "{{job}} retained",
        sum_by("job", &chosen(&ALLOCATOR_RETAINED).now()),
    )
    .ask(
        "{{job}} metadata",
        sum_by("job", &chosen(&ALLOCATOR_METADATA).now()),
    )
}

fn resident() -> Panel {
    panel(
        Draw::Stacked,
        Unit::Bytes,
        "Resident by service",
        "What each process takes of the machine.",
    )
    .ask("{{job}} {{instance}}", chosen(&PROCESS_RESIDENT).now())
}

fn descriptors() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "File descriptors",
        "Open files and sockets.",
    )
    .ask("{{job}}", sum_by("job", &chosen(&PROCESS_FDS).now()))
    .limit(
        "{{job}} limit",
        max_by("job", &chosen(&PROCESS_FDS_MAX).now()),
        None,
    )
}

fn threads() -> Panel {
    panel(
        Draw::Lines,
        Unit::Count,
        "Threads",
        "Each has a stack, and caches of the allocator.",
    )
    .ask("{{job}}", sum_by("job", &chosen(&PROCESS_THREADS).now()))
}

fn processor() -> Panel {
    panel(
        Draw::Lines,
        Unit::None,
        "Processors used",
        "1 is one processor all the time. To compare with the allocation rate.",
    )
    .ask("{{job}}", sum_by("job", &chosen(&PROCESS_CPU).rate()))
}

fn container() -> Panel {
    panel(
        Draw::Lines,
        Unit::Bytes,
        "Memory of the container",
        "What the kernel charges to the container, with the page cache of its files.",
    )
    .wide(12)
    .ask_maybe(
        "{{job}} used",
        max_by("job", &chosen(&CGROUP_USAGE).now()),
        CGROUP,
    )
    .ask_maybe(
        "{{job}} without idle pages of files",
        max_by("job", &chosen(&CGROUP_WORKING_SET).now()),
        CGROUP,
    )
    .ask(
        "what the machine has left",
        format!("min({})", chosen(&MACHINE_AVAILABLE).now()),
    )
    .limit(
        "{{job}} limit",
        max_by("job", &recorded("watertight:memory_limit_bytes").now()),
        None,
    )
}

fn pressure() -> Panel {
    panel(
        Draw::Lines,
        Unit::Ratio,
        "Waiting for memory",
        "The part of the time in which tasks of the container waited for memory (PSI).",
    )
    .wide(12)
    .ask_maybe(
        "{{job}} {{tasks}}",
        max_by("job, tasks", &chosen(&CGROUP_PRESSURE).rate()),
        PSI,
    )
}
