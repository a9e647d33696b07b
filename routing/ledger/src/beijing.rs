//! Beijing time as text, written without an allocation: the ledger's readers think in it.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use veilgate_names::{AsOf, Timestamp};

const BEIJING: Offset = Offset::constant(8);

/// `YYYY-MM-DDThh:mm:ss.mmm+08:00`.
pub(crate) fn push_time(out: &mut Vec<u8>, at: Timestamp) {
    let civil = civil(at);
    push_date(out, civil);
    for (separator, value) in [(b'T', civil.hour()), (b':', civil.minute()), (b':', civil.second())] {
        out.push(separator);
        push_digits(out, i64::from(value), 2);
    }
    out.push(b'.');
    push_digits(out, i64::from(civil.millisecond()), 3);
    out.extend_from_slice(b"+08:00");
}

/// A day as `YYYY-MM-DD`, an instant as [`push_time`].
pub(crate) fn push_as_of(out: &mut Vec<u8>, as_of: AsOf) {
    match as_of {
        AsOf::Day { from, .. } => push_date(out, civil(from)),
        AsOf::At(at) => push_time(out, at),
    }
}

/// `YYYYMMDDhhmm`.
pub(crate) fn minute(at: Timestamp) -> String {
    let civil = civil(at);
    format!(
        "{:04}{:02}{:02}{:02}{:02}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute()
    )
}

fn push_date(out: &mut Vec<u8>, civil: DateTime) {
    push_digits(out, i64::from(civil.year()), 4);
    out.push(b'-');
    push_digits(out, i64::from(civil.month()), 2);
    out.push(b'-');
    push_digits(out, i64::from(civil.day()), 2);
}

fn civil(at: Timestamp) -> DateTime {
    BEIJING.to_datetime(jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

fn push_digits(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = value.unsigned_abs() / 10_u64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_beijing_and_read_back() {
        let at = Timestamp::parse("2026-02-28T16:00:00.007Z").unwrap();
        assert_eq!(text(|out| push_time(out, at)), "2026-03-01T00:00:00.007+08:00");
        assert_eq!(Timestamp::parse("2026-03-01T00:00:00.007+08:00"), Ok(at));
        assert_eq!(minute(at), "202603010000");
        let day = AsOf::parse("2026-03-01").unwrap();
        assert_eq!(text(|out| push_as_of(out, day)), "2026-03-01");
    }
}
