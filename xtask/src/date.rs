//! Dates in the forms that packages want, from seconds since 1970 in UTC.

/// A date and a time of day.
pub(crate) struct Date {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    /// Days since a Sunday, modulo 7.
    weekday: usize,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    pub(crate) fn new(epoch: u64) -> Self {
        let (mut days, rest) = (epoch / 86_400, epoch % 86_400);
        // 1 January 1970 was a Thursday.
        let weekday = usize::try_from((days + 4) % 7).unwrap_or(0);
        let (mut year, mut month) = (1970, 1);
        loop {
            let length = days_of(year, month);
            if days < length {
                break;
            }
            days -= length;
            (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        }
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        Self { year, month, day: days + 1, hour, minute, second, weekday }
    }

    /// Such as `2026-11-28T22:15:24Z`.
    pub(crate) fn iso(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Such as `Sat, 28 Nov 2026 22:15:24 +0000`, as Debian's changelogs have it.
    pub(crate) fn mail(&self) -> String {
        let Self { year, day, hour, minute, second, .. } = self;
        let month = MONTHS.get(usize::try_from(self.month).unwrap_or(1) - 1).unwrap_or(&"Jan");
        let weekday = WEEKDAYS[self.weekday];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (epoch, iso, mail) in [
            (0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_400, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_795_904_124, "2026-11-28T22:15:24Z", "Sat, 28 Nov 2026 22:15:24 +0000"),
            (4_107_542_399, "2100-02-28T23:59:59Z", "Sun, 28 Feb 2100 23:59:59 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 +0000"),
        ] {
            assert_eq!((Date::new(epoch).iso().as_str(), Date::new(epoch).mail().as_str()), (iso, mail));
        }
    }
}
