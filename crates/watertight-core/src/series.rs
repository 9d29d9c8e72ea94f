//! What this crate counts.

use crate::catalogue::LATENCY;

crate::catalogue! {
    /// Panics that were caught in a task, by the task's name.
    pub TASK_PANICS: Counters("task_panics_total", Count, [task]);
    /// Tasks that were dropped because their scope was cancelled, by name.
    pub TASK_CANCELS: Counters("task_cancels_total", Count, [task]);
    /// Runs of a periodic job that took longer than its period, by the job's name.
    pub TASK_OVERRUNS: Counters("task_overruns_total", Count, [task]);
    /// How long a piece of work (a request, or a task of its scope) went on when nobody waited any more, by route.
    pub CANCELLED_WORK: Histograms("cancelled_work_seconds", Seconds, [route]; LATENCY);
    /// Closures that may block and were refused because too many waited, by name.
    pub BLOCKING_REFUSED: Counters("blocking_refused_total", Count, [task]);
    /// Threads that run closures which may block, idle ones included.
    pub BLOCKING_THREADS: Gauges("blocking_threads", Count);
    /// Closures that run on them.
    pub BLOCKING_BUSY: Gauges("blocking_threads_busy", Count);
    /// How many of these threads there may be.
    pub BLOCKING_THREADS_MAX: Gauges("blocking_threads_max", Count);
    /// Closures that wait for one of these threads.
    pub BLOCKING_QUEUE: Gauges("blocking_queue", Count);
    /// How many may wait.
    pub BLOCKING_QUEUE_MAX: Gauges("blocking_queue_max", Count);
    /// Detached work by pool and outcome: done, late, cancelled, panicked, dropped or rejected.
    pub DETACHED: Counters("detached_total", Count, [pool, outcome]);
    /// Detached work by pool and state: running or waiting.
    pub DETACHED_TASKS: Gauges("detached_tasks", Count, [pool, state]);
    /// How much of it there may be.
    pub DETACHED_TASKS_MAX: Gauges("detached_tasks_max", Count, [pool, state]);
    /// Traces that are kept though they were not sampled, because they failed or were slow.
    pub TRACES_PROMOTED: Counters("traces_promoted_total", Count, [reason]);
    /// Traces that were to be kept and are lost, by why.
    pub TRACES_DROPPED: Counters("traces_dropped_total", Count, [reason]);
    /// Spans that their trace is kept without, by why.
    pub SPANS_DROPPED: Counters("trace_spans_dropped_total", Count, [reason]);
}
