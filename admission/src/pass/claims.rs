//! A pass's claims, each checked for presence, kind and range. Called only once the signature is right.

use super::object::{Object, ObjectFault};
use super::{MAX_ISSUER, MAX_LIFE, MAX_REGION, Pass, PassFault};
use crate::ids::{Place, RoomName, Stamp, VisitorId};
use crate::keys::{KeyRing, hex};

/// The last second a [`Stamp`] can hold.
const MAX_SECONDS: u64 = Stamp::MAX.0 / 1_000_000;

pub(super) fn read(keys: &KeyRing, room: &RoomName, kid: &str, json: &[u8]) -> Result<Pass, PassFault> {
    let claims = Object::read(json).map_err(|fault| match fault {
        ObjectFault::NotAnObject => PassFault::ClaimsJson,
        ObjectFault::Duplicate => PassFault::Duplicate,
    })?;
    let text = |name: &'static str| claims.text(name).ok_or(PassFault::Claim(name));
    if text("aud")? != room.as_str() {
        return Err(PassFault::OtherRoom);
    }
    if text("token_use")? != "access" {
        return Err(PassFault::Claim("token_use"));
    }
    let visitor = visitor(text("sub")?).ok_or(PassFault::Claim("sub"))?;
    let id = keys.pass_id(room, &visitor);
    if text("jti")? != hex(&id) {
        return Err(PassFault::Claim("jti"));
    }
    let issuer = text("iss")?.to_owned();
    if issuer.is_empty() || issuer.len() > MAX_ISSUER {
        return Err(PassFault::Claim("iss"));
    }
    let (issued_at, expires_at) = lifetime(&claims)?;
    let place = Place {
        stamp: micros(&claims, "arr")?,
        visitor,
    };
    let claimed_at = micros(&claims, "adm")?;
    let region = optional(&claims, "rgn", |name| {
        claims.text(name).filter(|text| text.len() <= MAX_REGION)
    })?;
    let queue_position = optional(&claims, "queue_position", |name| claims.whole(name))?;
    Ok(Pass {
        place,
        claimed_at,
        issued_at,
        expires_at,
        id,
        kid: kid.to_owned(),
        issuer,
        region: region.map(str::to_owned),
        queue_position,
    })
}

fn lifetime(claims: &Object<'_>) -> Result<(Stamp, Stamp), PassFault> {
    let (iat, nbf, exp) = (
        seconds(claims, "iat")?,
        seconds(claims, "nbf")?,
        seconds(claims, "exp")?,
    );
    if nbf != iat {
        return Err(PassFault::Claim("nbf"));
    }
    if exp <= iat || exp.since(iat) > MAX_LIFE {
        return Err(PassFault::Claim("exp"));
    }
    Ok((iat, exp))
}

fn seconds(claims: &Object<'_>, name: &'static str) -> Result<Stamp, PassFault> {
    match claims.whole(name) {
        Some(seconds) if seconds <= MAX_SECONDS => Ok(Stamp(seconds * 1_000_000)),
        _ => Err(PassFault::Claim(name)),
    }
}

fn micros(claims: &Object<'_>, name: &'static str) -> Result<Stamp, PassFault> {
    match claims.whole(name) {
        Some(micros @ 1..) if micros <= Stamp::MAX.0 => Ok(Stamp(micros)),
        _ => Err(PassFault::Claim(name)),
    }
}

/// Absent is fine; present and wrong is not.
fn optional<T>(
    claims: &Object<'_>,
    name: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, PassFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(_) => read(name).map(Some).ok_or(PassFault::Claim(name)),
    }
}

/// 32 lower-case hexadecimal digits.
fn visitor(text: &str) -> Option<VisitorId> {
    let plain = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let number = u128::from_str_radix(text, 16).ok().filter(|_| plain)?;
    Some(VisitorId(number.to_be_bytes()))
}
