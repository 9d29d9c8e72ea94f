//! The declaration of series.

/// Declares series: a static for each, and `ALL`, which lists them.
///
/// Each line is its meaning as a documentation comment, then the static's name, what
/// it is ([`Counters`](crate::catalogue::Counters), [`Totals`](crate::catalogue::Totals),
/// [`Gauges`](crate::catalogue::Gauges) or [`Histograms`](crate::catalogue::Histograms)),
/// and in brackets the series' name, its [`Unit`](crate::catalogue::Unit), its labels if it
/// has any, and a histogram's buckets. One call a module: a crate has its own in `series.rs`.
/// An example stands at [`catalogue`](mod@crate::catalogue).
#[macro_export]
macro_rules! catalogue {
    ($(
        $(#[doc = $help:literal])+
        pub $id:ident: $family:ident($name:literal, $unit:ident $(, [$($label:ident),+ $(,)?])? $(; $buckets:expr)?);
    )+) => {
        $(
            $(#[doc = $help])+
            pub static $id: $crate::catalogue::$family<
                { <[&str]>::len(&[$($(stringify!($label)),+)?]) }
            > = $crate::catalogue::$family::declare(
                env!("CARGO_PKG_NAME"),
                concat!($($help),+),
                &[$($(stringify!($label)),+)?],
                $name,
                $crate::catalogue::Unit::$unit,
                $($buckets,)?
            );
        )+

        /// All series declared here.
        pub static ALL: &[&$crate::catalogue::Series] = &[$($id.series()),+];
    };
}
