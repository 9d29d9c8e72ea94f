//! What scopes cost: over bare tokio where there is such a thing, else by themselves.
//!
//! `cargo bench -p watertight-core --bench scope` prints a table, and on the last
//! line the same as one JSON object. Both sides of each comparison run in turn, and
//! a row is the median of the differences: what the machine does meanwhile hits both.
//! Both sides allocate where the services do, from jemalloc. Nanoseconds are of the
//! processor's time.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use watertight_core::{
    Detached, DetachedLimits, Full, Label, Query, Scope, Snapshot, Warden, census,
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs of each side, in turn.
const PAIRS: usize = 11;
const AIM_SPAWN_NS: f64 = 150.0;
const AIM_POLL_NS: f64 = 40.0;

struct Row {
    name: &'static str,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
    aim: Option<f64>,
}

struct Bench {
    runtime: Runtime,
    rows: Vec<Row>,
}

fn main() -> std::io::Result<()> {
    // One worker: what a task costs, not what it costs to hand it to another core.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()?;
    let mut bench = Bench {
        runtime,
        rows: Vec::new(),
    };
    bench.scopes();
    bench.tasks();
    bench.polls();
    bench.detached();
    bench.look_ups();
    bench.cancel();
    bench.census();
    bench.print();
    Ok(())
}

/// The time that this thread has had a processor, in nanoseconds. All that is
/// measured by it happens on one thread, which never waits: on an idle machine it is
/// the time that passes, and on a busy one it leaves out what others took.
fn busy() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds for one of `n`.
fn each(n: u32, f: impl FnOnce()) -> f64 {
    let begin = busy();
    f();
    (busy() - begin) / f64::from(n)
}

async fn each_async(n: u32, f: impl Future<Output = ()>) -> f64 {
    let begin = busy();
    f.await;
    (busy() - begin) / f64::from(n)
}

impl Bench {
    fn row(&mut self, name: &'static str, unit: &'static str, aim: Option<f64>, runs: &[f64]) {
        let mut runs = runs.to_vec();
        runs.sort_by(f64::total_cmp);
        self.rows.push(Row {
            name,
            unit,
            median: runs[runs.len() / 2],
            min: runs[0],
            max: runs[runs.len() - 1],
            aim,
        });
    }

    /// On the worker, where services run.
    #[expect(
        clippy::disallowed_methods,
        reason = "the bare side of the comparison; awaited on the spot"
    )]
    fn on_worker<T: Send + 'static>(&self, f: impl Future<Output = T> + Send + 'static) -> T {
        let task = self.runtime.spawn(f);
        let out = self.runtime.block_on(task);
        out.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn alone(&mut self, name: &'static str, unit: &'static str, mut f: impl FnMut() -> f64) {
        f();
        let runs: Vec<f64> = (0..PAIRS).map(|_| f()).collect();
        self.row(name, unit, None, &runs);
    }

    /// Rows for `bare`, for `ours`, and for what ours takes more.
    fn compare<A, B>(
        &mut self,
        names: [&'static str; 3],
        aim: Option<f64>,
        bare: impl Fn() -> A,
        ours: impl Fn() -> B,
    ) where
        A: Future<Output = f64> + Send + 'static,
        B: Future<Output = f64> + Send + 'static,
    {
        self.on_worker(bare());
        self.on_worker(ours());
        let pair = |_| (self.on_worker(bare()), self.on_worker(ours()));
        let pairs: Vec<(f64, f64)> = (0..PAIRS).map(pair).collect();
        let of = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).collect::<Vec<f64>>();
        self.row(names[0], "ns", None, &of(|pair| pair.0));
        self.row(names[1], "ns", None, &of(|pair| pair.1));
        self.row(names[2], "ns", aim, &of(|pair| pair.1 - pair.0));
    }

    fn scopes(&mut self) {
        const N: u32 = 200_000;
        let root = Scope::root("bench");
        self.alone("scope, child, open and close", "ns", || {
            each(N, || {
                (0..N).for_each(|_| drop(black_box(root.child("child"))))
            })
        });
        let request = root.child("request");
        self.alone("scope, grandchild, open and close", "ns", || {
            each(N, || {
                (0..N).for_each(|_| drop(black_box(request.child("child"))));
            })
        });
    }

    fn tasks(&mut self) {
        let names = ["task, tokio", "task, scope", "task, more than tokio's"];
        self.tasks_like(names, Some(AIM_SPAWN_NS), || async {});
        let names = [
            "task that waits once, tokio",
            "task that waits once, scope",
            "task that waits once, more than tokio's",
        ];
        self.tasks_like(names, None, || wakes_itself(2));
    }

    /// Spawned by the thousand, and each waited for.
    fn tasks_like<F>(&mut self, names: [&'static str; 3], aim: Option<f64>, work: fn() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        const N: u32 = 200_000;
        const AT_ONCE: u32 = 1_000;
        let root = Scope::root("bench");
        let bare = || {
            each_async(N, async move {
                for _ in 0..N / AT_ONCE {
                    let tasks: Vec<_> = (0..AT_ONCE).map(|_| bare_spawn(work())).collect();
                    for task in tasks {
                        task.await.unwrap_or_default();
                    }
                }
            })
        };
        let ours = || {
            let scope = root.child("request");
            each_async(N, async move {
                for _ in 0..N / AT_ONCE {
                    let spawn = |_| scope.spawn("bench", work());
                    let tasks: Vec<_> = (0..AT_ONCE).map(spawn).collect();
                    for task in tasks {
                        task.await.unwrap_or_default();
                    }
                }
            })
        };
        self.compare(names, aim, bare, ours);
    }

    fn polls(&mut self) {
        const N: u32 = 1_000_000;
        let scope = Scope::root("bench").child("request");
        let bare = || {
            each_async(N, async {
                bare_spawn(wakes_itself(N)).await.unwrap_or_default()
            })
        };
        let ours = || {
            let scope = scope.clone();
            each_async(N, async move {
                let task = scope.spawn("bench", wakes_itself(N));
                task.await.unwrap_or_default();
            })
        };
        let names = ["poll, tokio", "poll, scope", "poll, more than tokio's"];
        self.compare(names, Some(AIM_POLL_NS), bare, ours);

        let bare = || {
            let (a, b) = ping_pong(N);
            each_async(N * 2, async {
                let (a, b) = (bare_spawn(a), bare_spawn(b));
                a.await.unwrap_or_default();
                b.await.unwrap_or_default();
            })
        };
        let ours = || {
            let ((a, b), scope) = (ping_pong(N), scope.clone());
            each_async(N * 2, async move {
                let (a, b) = (scope.spawn("bench", a), scope.spawn("bench", b));
                a.await.unwrap_or_default();
                b.await.unwrap_or_default();
            })
        };
        let names = [
            "park, wake and poll, tokio",
            "park, wake and poll, scope",
            "park, wake and poll, more than tokio's",
        ];
        self.compare(names, None, bare, ours);
    }

    fn detached(&mut self) {
        const N: u32 = 500;
        let root = Scope::root("bench");
        let limits = DetachedLimits {
            running: 1_000,
            waiting: 0,
            full: Full::Reject,
        };
        let detached = Detached::new(&root, "bench", (), limits);
        let request = root.child("request");
        let mut runs = Vec::new();
        for _ in 0..=PAIRS {
            let (detached, request) = (detached.clone(), request.clone());
            runs.push(self.on_worker(async move {
                let within = Duration::from_secs(60);
                let took = each(N, || {
                    for id in 0..N {
                        let work = move |_, snapshot| async move {
                            black_box((id, snapshot));
                        };
                        assert!(detached.detach(&request, within, work).is_ok());
                    }
                });
                while detached.load() != (0, 0) {
                    tokio::task::yield_now().await;
                }
                took
            }));
        }
        self.row("detach, the call", "ns", None, &runs[1..]);
        self.row("snapshot", "bytes", None, &[size_of::<Snapshot>() as f64]);
        self.alone("snapshot", "ns", || {
            const N: u32 = 1_000_000;
            each(N, || {
                (0..N).for_each(|_| {
                    black_box(Snapshot::of(black_box(&request)));
                });
            })
        });
    }

    fn look_ups(&mut self) {
        const N: u32 = 500_000;
        let _known = Label::of("/v1/orders/{id}");
        self.alone("label of a text", "ns", || {
            each(N, || {
                (0..N).for_each(|_| {
                    black_box(Label::of(black_box("/v1/orders/{id}")));
                });
            })
        });
        let closed = Scope::root("bench");
        closed.cancel();
        self.alone("spawn site look-up (a spawn that is refused)", "ns", || {
            each(N, || {
                (0..N).for_each(|_| drop(black_box(closed.spawn("bench", async {}))));
            })
        });
    }

    fn cancel(&mut self) {
        const TASKS: u32 = 1_000;
        let (mut calls, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..=PAIRS {
            let (call, end) = self.on_worker(async {
                let scope = Scope::root("bench").child("request");
                let spawn = |_| scope.spawn("bench", std::future::pending::<()>());
                let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
                until_parked(&scope, TASKS).await;
                let begin = Instant::now();
                scope.cancel();
                let call = begin.elapsed();
                for task in tasks {
                    task.await.unwrap_or_default();
                }
                (call, begin.elapsed())
            });
            calls.push(call.as_secs_f64() * 1e6);
            ends.push(end.as_secs_f64() * 1e6);
        }
        self.row("cancel 1,000 tasks, the call", "µs", None, &calls[1..]);
        self.row("cancel 1,000 tasks, all dropped", "µs", None, &ends[1..]);
    }

    fn census(&mut self) {
        const TASKS: u32 = 100_000;
        let scope = Scope::root("bench");
        let tasks = scope.clone();
        self.on_worker(async move {
            for _ in 0..TASKS {
                drop(tasks.spawn("bench", std::future::pending::<()>()));
            }
            until_parked(&tasks, TASKS).await;
        });
        self.alone("census, for each of 100,000 tasks", "ns", || {
            each(TASKS, || {
                black_box(census(Query::All, 20));
            })
        });
        self.alone(
            "look of the warden, for each of 100,000 tasks",
            "ns",
            || {
                each(TASKS, || {
                    black_box(Warden::default().look());
                })
            },
        );
        scope.cancel();
    }

    fn print(&self) {
        for row in &self.rows {
            let (name, unit) = (row.name, row.unit);
            let aim = row
                .aim
                .map(|aim| format!(", aim {aim}"))
                .unwrap_or_default();
            println!(
                "{name:<48} {:>9.1} {unit:<5} ({:.1} to {:.1}{aim})",
                row.median, row.min, row.max
            );
        }
        let row = |row: &Row| {
            let aim = row
                .aim
                .map_or_else(|| "null".to_owned(), |aim| aim.to_string());
            format!(
                r#"{{"name":"{}","unit":"{}","median":{:.1},"min":{:.1},"max":{:.1},"aim":{aim}}}"#,
                row.name, row.unit, row.median, row.min, row.max
            )
        };
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        println!(r#"{{"rows":[{}],"pairs":{PAIRS}}}"#, rows.join(","));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bare side of the comparison; awaited on the spot"
)]
fn bare_spawn<F>(fut: F) -> tokio::task::JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(fut)
}

/// Until so many tasks of the scope have been polled, and wait.
async fn until_parked(scope: &Scope, tasks: u32) {
    let query = Query::Root(scope.root_id());
    while census(query, 0).states[0] < tasks as usize {
        tokio::task::yield_now().await;
    }
}

async fn wakes_itself(mut n: u32) {
    poll_fn(move |cx| {
        n -= 1;
        if n == 0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Two futures that park and wake each other in turn, `n` times each.
fn ping_pong(n: u32) -> (impl Future<Output = ()>, impl Future<Output = ()>) {
    let wakers: Arc<[Mutex<Option<Waker>>; 2]> = Arc::default();
    let side = move |own: usize, wakers: Arc<[Mutex<Option<Waker>>; 2]>| {
        let mut left = n;
        poll_fn(move |cx| {
            let other = wakers[1 - own]
                .lock()
                .ok()
                .and_then(|mut other| other.take());
            if left > 0
                && let Ok(mut slot) = wakers[own].lock()
            {
                *slot = Some(cx.waker().clone());
            }
            if let Some(other) = other {
                other.wake();
            }
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            Poll::Pending
        })
    };
    (side(0, Arc::clone(&wakers)), side(1, wakers))
}
