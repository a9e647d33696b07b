//! SMPP times (SMPP 3.4, 7.1.1): absolute `YYMMDDhhmmsstnn+` with an offset in quarters of an hour, relative
//! `YYMMDDhhmmss000R` counted from `now`. Whether a time makes sense (not past, not too far) is for the caller.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp as Instant};
use veilgate_names::Timestamp;

use super::TextError;

#[cfg(test)]
mod tests;

/// How long the field is, without its NUL.
pub const LENGTH: usize = 16;

/// The largest offset from UTC, in quarters of an hour.
const MAX_QUARTERS: i8 = 48;

/// Reads `schedule_delivery_time` or `validity_period` without its NUL; an empty field is `None`. Years of an
/// absolute time are 2000-2099. For `schedule_delivery_time` the error is ESME_RINVSCHED, for `validity_period`
/// ESME_RINVEXPIRY.
///
/// # Errors
/// [`TextError::Time`] for anything else.
pub fn parse(field: &[u8], now: Timestamp) -> Result<Option<Timestamp>, TextError> {
    if field.is_empty() {
        return Ok(None);
    }
    let (digits, direction) = split(field).ok_or(TextError::Time)?;
    let at = match direction {
        b'+' | b'-' => absolute(digits, direction),
        b'R' => relative(digits, now),
        _ => None,
    };
    at.map(Some).ok_or(TextError::Time)
}

/// Writes an instant as an absolute time in UTC, to the tenth of a second.
///
/// # Errors
/// [`TextError::Time`] outside the years 2000-2099.
pub fn write_absolute(at: Timestamp) -> Result<[u8; LENGTH], TextError> {
    let instant = Instant::from_millisecond(at.0).map_err(|_| TextError::Time)?;
    let civil = jiff::tz::Offset::UTC.to_datetime(instant);
    let year = i32::from(civil.year()) - 2000;
    let year = i8::try_from(year).ok().filter(|year| (0..100).contains(year)).ok_or(TextError::Time)?;
    let fields = [year, civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    let tenths = i8::try_from(civil.subsec_nanosecond() / 100_000_000).map_err(|_| TextError::Time)?;
    Ok(write(fields, tenths, b'+'))
}

/// Writes a span as a relative time of days, hours, minutes and whole seconds, rounded up.
///
/// # Errors
/// [`TextError::Time`] for 100 days or more, which the field can only say in months of unknown length.
pub fn write_relative(span: Duration) -> Result<[u8; LENGTH], TextError> {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    let part = |value: u64| i8::try_from(value).map_err(|_| TextError::Time);
    let days = part(seconds / 86_400)?;
    if days > 99 {
        return Err(TextError::Time);
    }
    let rest = [part(seconds / 3600 % 24)?, part(seconds / 60 % 60)?, part(seconds % 60)?];
    Ok(write([0, 0, days, rest[0], rest[1], rest[2]], 0, b'R'))
}

/// Years, months, days, hours, minutes, seconds; tenths; quarters.
struct Digits {
    fields: [i8; 6],
    tenths: i8,
    quarters: i8,
}

fn split(field: &[u8]) -> Option<(Digits, u8)> {
    let digits: &[u8; LENGTH] = field.try_into().ok()?;
    let (direction, digits) = digits.split_last()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = |at: usize| digits.get(at).and_then(|digit| i8::try_from(digit - b'0').ok());
    let pair = |at: usize| Some(value(at)? * 10 + value(at + 1)?);
    let fields = [pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?, pair(10)?];
    Some((Digits { fields, tenths: value(12)?, quarters: pair(13)? }, *direction))
}

fn absolute(digits: Digits, direction: u8) -> Option<Timestamp> {
    let [year, month, day, hour, minute, second] = digits.fields;
    if digits.quarters > MAX_QUARTERS {
        return None;
    }
    let date = Date::new(2000 + i16::from(year), month, day).ok()?;
    let time = Time::new(hour, minute, second, i32::from(digits.tenths) * 100_000_000).ok()?;
    let local = jiff::tz::Offset::UTC.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    let offset = i64::from(digits.quarters) * 15 * 60_000;
    let offset = if direction == b'-' { -offset } else { offset };
    Some(Timestamp(local.as_millisecond() - offset))
}

fn relative(digits: Digits, now: Timestamp) -> Option<Timestamp> {
    if digits.tenths != 0 || digits.quarters != 0 {
        return None;
    }
    let [years, months, days, hours, minutes, seconds] = digits.fields.map(i64::from);
    let span =
        Span::new().years(years).months(months).days(days).hours(hours).minutes(minutes).seconds(seconds);
    let civil = jiff::tz::Offset::UTC.to_datetime(Instant::from_millisecond(now.0).ok()?);
    let later = jiff::tz::Offset::UTC.to_timestamp(civil.checked_add(span).ok()?).ok()?;
    Some(Timestamp(later.as_millisecond()))
}

fn write(fields: [i8; 6], tenths: i8, direction: u8) -> [u8; LENGTH] {
    let digit = |value: i8| b'0' + value.unsigned_abs() % 10;
    let mut out = [b'0'; LENGTH];
    for (pair, value) in out.as_chunks_mut::<2>().0.iter_mut().zip(fields) {
        *pair = [digit(value / 10), digit(value)];
    }
    let [.., tenth, _, _, last] = &mut out;
    (*tenth, *last) = (digit(tenths), direction);
    out
}
