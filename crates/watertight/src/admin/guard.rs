//! Who may see more of the admin port than metrics and health.

use super::token::Token;
use http::uri::Authority;
use http::{HeaderMap, header};
use std::net::IpAddr;

/// The header of that name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Authorization<'a> {
    Missing,
    One(&'a [u8]),
    /// Two readers could see two callers in one request.
    Several,
}

impl<'a> Authorization<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        match (all.next(), all.next()) {
            (None, _) => Self::Missing,
            (Some(one), None) => Self::One(one.as_bytes()),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// What a request shows of who sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    pub(super) peer: IpAddr,
    pub(super) authorization: Authorization<'a>,
    /// The authority of an HTTP/2 request, or `Host`.
    pub(super) host: Option<&'a str>,
}

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is a token, and the caller brought none.
    NoToken,
    /// There is a token, and the caller brought several.
    SeveralTokens,
    /// There is a token, and this isn't it.
    WrongToken,
    /// There is no token, and the caller is not on this machine.
    NotLocal,
    /// There is no token, and the caller asked for a name that isn't this
    /// machine's: a page in a browser here, whose name was made to point to us
    /// (DNS rebinding).
    StrangeHost,
}

/// With a token, whoever has it; without one, callers on this machine.
pub(super) fn decide(token: Option<&Token>, caller: Caller<'_>) -> Result<(), Refused> {
    if let Some(token) = token {
        let brought = match caller.authorization {
            Authorization::Missing => return Err(Refused::NoToken),
            Authorization::Several => return Err(Refused::SeveralTokens),
            Authorization::One(brought) => brought,
        };
        let matches = bearer(brought).is_some_and(|brought| token.is(brought));
        return if matches {
            Ok(())
        } else {
            Err(Refused::WrongToken)
        };
    }
    if !caller.peer.to_canonical().is_loopback() {
        return Err(Refused::NotLocal);
    }
    if caller.host.is_some_and(is_local_name) {
        Ok(())
    } else {
        Err(Refused::StrangeHost)
    }
}

/// The credentials of the scheme, whose name is written in any case.
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = authorization.split_at_checked(b"Bearer ".len())?;
    let rest = rest.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !rest.is_empty()).then_some(rest)
}

/// An address, or the one name that no name server is asked for.
fn is_local_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost") || bare.unwrap_or(host).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn caller<'a>(peer: &str, authorization: Option<&'a str>, host: Option<&'a str>) -> Caller<'a> {
        let one = |text: &'a str| Authorization::One(text.as_bytes());
        Caller {
            peer: peer.parse().unwrap(),
            authorization: authorization.map_or(Authorization::Missing, one),
            host,
        }
    }

    #[test]
    fn a_token_lets_in_whoever_has_it_and_nobody_else() {
        let token = Token::new("s3cret-of-a-shop").unwrap();
        let ask = |peer, authorization| {
            decide(
                Some(&token),
                caller(peer, authorization, Some("admin.example")),
            )
        };
        for peer in ["127.0.0.1", "192.0.2.7"] {
            assert_eq!(ask(peer, Some("Bearer s3cret-of-a-shop")), Ok(()));
            assert_eq!(ask(peer, Some("bearer  s3cret-of-a-shop")), Ok(()));
            assert_eq!(ask(peer, None), Err(Refused::NoToken));
            for wrong in [
                "Bearer s3cret-of-a-sho",
                "Bearer s3cret-of-a-shops",
                "Bearer S3CRET-OF-A-SHOP",
                "Basic s3cret-of-a-shop",
                "s3cret-of-a-shop",
                "Bearer ",
                "",
            ] {
                assert_eq!(ask(peer, Some(wrong)), Err(Refused::WrongToken), "{wrong}");
            }
        }
    }

    #[test]
    fn of_several_tokens_none_counts() {
        let token = Token::new("s3cret-of-a-shop").unwrap();
        let right = HeaderValue::from_static("Bearer s3cret-of-a-shop");
        let other = HeaderValue::from_static("Bearer s3cret-of-others");
        for pair in [[&right, &other], [&other, &right], [&right, &right]] {
            let pair = pair.map(|value| (header::AUTHORIZATION, value.clone()));
            let mut headers = HeaderMap::new();
            for (name, value) in pair {
                headers.append(name, value);
            }
            let caller = Caller {
                authorization: Authorization::of(&headers),
                ..caller("127.0.0.1", None, Some("localhost"))
            };
            assert_eq!(decide(Some(&token), caller), Err(Refused::SeveralTokens));
        }
    }

    #[test]
    fn without_a_token_only_this_machine_gets_in() {
        let ask = |peer, host| decide(None, caller(peer, None, host));
        for peer in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(ask(peer, Some("127.0.0.1:9090")), Ok(()), "{peer}");
        }
        for peer in [
            "192.0.2.7",
            "10.0.0.1",
            "::",
            "0.0.0.0",
            "::ffff:10.0.0.1",
            "2001:db8::1",
        ] {
            assert_eq!(
                ask(peer, Some("127.0.0.1")),
                Err(Refused::NotLocal),
                "{peer}"
            );
        }
        for host in ["localhost", "LOCALHOST:80", "[::1]:80", "10.0.0.1"] {
            assert_eq!(ask("::1", Some(host)), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "",
            "[::1",
            "a b",
        ] {
            assert_eq!(ask("::1", Some(host)), Err(Refused::StrangeHost), "{host}");
        }
        assert_eq!(ask("::1", None), Err(Refused::StrangeHost));
    }
}
