//! What waits in the ordinary ways is never called dead.
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap as tests do")]

mod common;

use common::{LIVENESS, alone, is_dead, parked, until};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use watertight_core::{Deadline, Found, Scope, Warden, pause};

/// Looks at the parked task of that name often enough to catch it in each state.
fn assert_alive(name: &str) {
    for _ in 0..100 {
        assert!(!is_dead(name), "{name} is not dead");
    }
}

/// Spawns what waits, looks while it does, lets `release` end the wait, and looks
/// until it has ended.
async fn lives<F>(name: &'static str, wait: F, release: impl AsyncFnOnce())
where
    F: Future<Output = ()> + Send + 'static,
{
    let scope = Scope::root("test");
    let task = scope.spawn(name, wait);
    // A timer may have been faster than we are.
    until("parked", || parked(&scope) == 1 || task.is_finished()).await;
    assert_alive(name);
    release().await;
    let ended = async {
        until("ended", || {
            assert!(!is_dead(name), "{name} is not dead");
            task.is_finished()
        })
        .await;
        task.await
    };
    assert_eq!(Deadline::after(LIVENESS).run(ended).await, Ok(Ok(())));
}

#[tokio::test]
async fn waiters_for_channels() {
    let (sender, receiver) = oneshot::channel::<()>();
    let wait = async { receiver.await.unwrap() };
    lives("oneshot", wait, async || sender.send(()).unwrap()).await;

    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let wait = async move { receiver.recv().await.unwrap() };
    lives("mpsc, empty", wait, async || sender.send(()).await.unwrap()).await;

    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let wait = async move {
        sender.send(()).await.unwrap();
        sender.send(()).await.unwrap();
    };
    let release = async || receiver.recv().await.unwrap();
    lives("mpsc, full", wait, release).await;

    let (sender, mut receiver) = watch::channel(0);
    let wait = async move { receiver.changed().await.unwrap() };
    lives("watch", wait, async || sender.send(1).unwrap()).await;
}

#[tokio::test]
async fn waiters_for_locks() {
    let notify = Arc::new(Notify::new());
    let waits = Arc::clone(&notify);
    let wait = async move { waits.notified().await };
    lives("notify", wait, async || notify.notify_waiters()).await;

    let mutex = Arc::new(tokio::sync::Mutex::new(()));
    let held = Arc::clone(&mutex).lock_owned().await;
    let wait = async move { drop(mutex.lock().await) };
    lives("mutex", wait, async || drop(held)).await;

    let semaphore = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&semaphore);
    let wait = async move { waits.acquire().await.unwrap().forget() };
    lives("semaphore", wait, async || semaphore.add_permits(1)).await;
}

#[tokio::test]
async fn waiters_for_time_and_peers() {
    let wait = async { pause(Duration::from_millis(200)).await.unwrap() };
    lives("timer", wait, async || ()).await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (accepted, connected) = oneshot::channel();
    let wait = async move { drop(accepted.send(listener.accept().await.unwrap().0)) };
    let mut client = None;
    let connect = async || client = Some(TcpStream::connect(addr).await.unwrap());
    lives("accept", wait, connect).await;
    let (mut client, mut peer) = (client.unwrap(), connected.await.unwrap());
    let wait = async move { assert_eq!(peer.read_u8().await.unwrap(), 7) };
    lives("read", wait, async || client.write_u8(7).await.unwrap()).await;
}

#[tokio::test]
async fn waiters_for_other_tasks() {
    let scope = Scope::root("other");
    let (go, gone) = oneshot::channel::<()>();
    let other = scope.spawn("other", async { gone.await.unwrap() });
    let wait = async { other.await.unwrap() };
    lives("task handle", wait, async || go.send(()).unwrap()).await;

    let (go, gone) = std::sync::mpsc::sync_channel(0);
    let blocking = scope.spawn_blocking("closure", move |_| gone.recv().unwrap());
    let wait = async { blocking.await.unwrap() };
    lives("blocking", wait, async || go.send(()).unwrap()).await;
}

/// A task that is never parked: it gives the worker back and goes on.
#[tokio::test]
async fn who_yields_and_who_runs_out_of_budget() {
    for name in ["yields", "out of budget"] {
        let scope = Scope::root("test");
        let enough = Arc::new(AtomicBool::new(false));
        let (seen, (sender, mut receiver)) = (Arc::clone(&enough), mpsc::channel(1));
        let task = scope.spawn(name, async move {
            while !seen.load(Ordering::Relaxed) {
                if name == "yields" {
                    tokio::task::yield_now().await;
                } else {
                    // Always ready, but for the budget, which makes it yield.
                    sender.try_send(()).unwrap();
                    receiver.recv().await.unwrap();
                }
            }
        });
        for _ in 0..500 {
            tokio::task::yield_now().await;
            assert!(!is_dead(name), "{name} is not dead");
        }
        enough.store(true, Ordering::Relaxed);
        assert_eq!(task.await, Ok(()));
    }
}

const TASKS: usize = 64;
const TURNS: usize = 8_000;

/// One place of a ring: its tokens, and who waits for one. A count, for a token
/// may catch up with the next; were they one then, the last turns would lack it.
#[derive(Default)]
struct Place {
    tokens: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

impl Place {
    fn give(&self) {
        self.tokens.fetch_add(1, Ordering::Release);
        let waiting = self.waiting.lock().unwrap().take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    async fn taken(&self) {
        poll_fn(|cx| {
            *self.waiting.lock().unwrap() = Some(cx.waker().clone());
            // Nobody else takes from this place.
            if self.tokens.load(Ordering::Acquire) == 0 {
                return Poll::Pending;
            }
            self.tokens.fetch_sub(1, Ordering::Relaxed);
            Poll::Ready(())
        })
        .await;
    }
}

/// Tells whoever looks to stop.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks all the time, on a thread of its own, until told to stop.
fn looks_all_the_time(stop: &AtomicBool) -> (usize, Vec<String>) {
    let mut warden = Warden::default();
    let (mut looks, mut dead) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let Found { newly_dead, .. } = warden.look();
        dead.extend(newly_dead.iter().map(|task| task.site.to_string()));
        looks += 1;
    }
    (looks, dead)
}

/// Tokens go round a ring of tasks on two workers. Each task is parked with one
/// waker in the world, again and again, and at each moment some are just between
/// one state and the next.
#[test]
fn tasks_that_wake_each_other_are_never_found_dead_and_never_hang() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let stop = AtomicBool::new(false);
    let hops = Arc::new(AtomicUsize::new(0));
    let (looks, dead) = std::thread::scope(|threads| {
        let looking = threads.spawn(|| looks_all_the_time(&stop));
        // Also if an assertion fails: or this scope would wait for ever.
        let stopped = Stops(&stop);
        runtime.block_on(async {
            let scope = Scope::root("ring");
            let ring: Arc<Vec<Place>> = Arc::new((0..TASKS).map(|_| Place::default()).collect());
            let turns = |place: usize| {
                let (ring, hops) = (Arc::clone(&ring), Arc::clone(&hops));
                scope.spawn("ring", async move {
                    for _ in 0..TURNS {
                        ring[place].taken().await;
                        hops.fetch_add(1, Ordering::Relaxed);
                        ring[(place + 1) % TASKS].give();
                    }
                })
            };
            let tasks: Vec<_> = (0..TASKS).map(turns).collect();
            for place in (0..TASKS).step_by(TASKS / 4) {
                ring[place].give();
            }
            for task in tasks {
                let ended = Deadline::after(LIVENESS).run(task).await;
                assert_eq!(ended, Ok(Ok(())), "a task of the ring hangs");
            }
        });
        drop(stopped);
        looking.join().unwrap()
    });
    assert_eq!(dead, Vec::<String>::new());
    assert_eq!(hops.load(Ordering::Relaxed), TASKS * TURNS);
    assert!(looks > 10, "looked {looks} times only");
}
