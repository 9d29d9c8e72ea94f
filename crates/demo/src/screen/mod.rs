//! One live screen instead of lines, where stdout is a terminal that a person
//! looks at.
//!
//! ```text
//! Feed, once a second ─► Model: sample in, View out ─► thread: keys, draw(View)
//! ```
//!
//! [`view::View`] is a plain value, [`draw::draw`] a pure function of it; the thread alone
//! knows that there is a terminal. It may block on it without holding up a
//! worker of the runtime.

mod draw;
mod feed;
mod history;
mod layout;
mod model;
mod panels;
mod terminal;
mod text;
mod view;

pub(crate) use feed::Screen;
pub(crate) use terminal::is_for_people;
pub(crate) use view::Phase;
