//! The attribute macros of the chassis; use them through `watertight`.

mod expand;
mod options;

use proc_macro::TokenStream;

/// An async test that fails if it leaves a task behind.
///
/// It runs on a runtime of its own, with a root scope of its own as ambient
/// scope. Every task that is spawned under a scope belongs to that root, also if
/// the test makes root scopes itself; tasks of other tests don't. When the body
/// has ended, its tasks have a second to go; the test fails if one is still
/// there, and says its name, where it was spawned, how old it is and what it does.
/// The body may return a `Result`. Its panics and errors come first: then nobody
/// looks for tasks.
///
/// Why not `#[tokio::test]`? It drops what is still running together with its
/// runtime, and nobody ever hears of it.
///
/// What it can't see: tasks that libraries spawn past our scopes, and threads.
///
/// # Options
///
/// As tokio's: `flavor = "current_thread"` (default) or `"multi_thread"`, the
/// latter with `worker_threads = N`; `start_paused = true` on the former, which
/// needs tokio's feature `test-util`.
///
/// # Examples
///
/// ```ignore
/// #[watertight::test(start_paused = true)]
/// async fn a_pause_takes_its_time() -> Result<(), watertight::Closed> {
///     watertight::Scope::root("test").pause(Duration::from_secs(3600)).await
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(options.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}
