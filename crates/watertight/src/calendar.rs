//! Days and their dates, in UTC.

/// Without leap seconds, as the system's clock counts.
pub(crate) const SECONDS_PER_DAY: u64 = 86_400;

/// Year, month and day of a day since 1970, in the Gregorian calendar.
///
/// Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`, without the times before 1970.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March there, so that the leap day is the last one.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
