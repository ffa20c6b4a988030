//! Who may do what: tokens with roles.

use std::path::Path;
use std::sync::Arc;

use anoseg_image::text::is_unseen;

use crate::ServeError;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Inspecting images, and reading what the server says of itself.
    Inspect,
    /// Telling that a decision was wrong.
    Feedback,
    /// Everything, also loading and unloading models.
    Admin,
}

/// The tokens that are accepted; without any, everybody may do everything.
///
/// Tokens are kept as their BLAKE3 and compared in constant time.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<Token>);

#[derive(Clone, Debug)]
struct Token {
    name: Arc<str>,
    digest: blake3::Hash,
    roles: Vec<Role>,
}

/// Fewest characters of a token, so that none is guessed.
const FEWEST_CHARACTERS: usize = 16;

/// Most bytes of a file of tokens.
const MOST_BYTES: u64 = 1 << 20;

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The token's name; None where no tokens are in use.
    pub(crate) name: Option<Arc<str>>,
}

impl Tokens {
    /// Reads a file of tokens: [`Tokens::parse`].
    ///
    /// # Errors
    /// The file cannot be read, or a line is wrong.
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let text = anoseg_image::read::regular_text(path, MOST_BYTES);
        let text = text.map_err(|source| ServeError::Io { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Tokens from lines of the form `NAME ROLE[,ROLE] TOKEN`; empty lines and those that begin with
    /// `#` are passed over. Roles are inspect, feedback and admin; admin has the others.
    ///
    /// ```
    /// use anoseg_serve::Tokens;
    ///
    /// let tokens = Tokens::parse("line-3 inspect 8d5f1c0a7b3e94d26f10\n# the shift leader\nada admin 1c9e0b7d5a3f82e46d70").unwrap();
    /// assert_eq!(tokens.count(), 2);
    /// assert!(Tokens::parse("ada admin short").is_err());
    /// ```
    ///
    /// # Errors
    /// A line has another form, a token is too short, or a name or a token is there twice.
    pub fn parse(text: &str) -> Result<Self, ServeError> {
        let mut tokens = Self::default();
        let lines = text.lines().map(str::trim).enumerate();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            // The message has no part of the line, which may be a token.
            let wrong = |what: &str| ServeError::Tokens { line: number + 1, what: what.to_owned() };
            let parts: Vec<&str> = line.split_whitespace().collect();
            let [name, roles, token] = parts[..] else {
                return Err(wrong("give NAME ROLE[,ROLE] TOKEN"));
            };
            let roles: Option<Vec<Role>> = roles.split(',').map(Role::named).collect();
            let roles = roles.ok_or_else(|| wrong("roles are inspect, feedback and admin"))?;
            if token.chars().count() < FEWEST_CHARACTERS {
                return Err(wrong("a token needs at least 16 characters"));
            }
            if name.contains(is_unseen) {
                return Err(wrong("the name has characters that are not shown"));
            }
            let digest = blake3::hash(token.as_bytes());
            if tokens.0.iter().any(|other| *other.name == *name || other.digest == digest) {
                return Err(wrong("its name or its token is there twice"));
            }
            tokens.0.push(Token { name: name.into(), digest, roles });
        }
        Ok(tokens)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Who sent a request with this value of the header Authorization.
    ///
    /// # Errors
    /// The token is missing or unknown, or does not have the role.
    pub(crate) fn check(&self, authorization: Option<&[u8]>, role: Role) -> Result<Caller, Denied> {
        if self.0.is_empty() {
            return Ok(Caller { name: None });
        }
        let token = authorization.and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
        });
        let digest = blake3::hash(token.ok_or(Denied::Unknown)?);
        // The comparison of digests takes constant time, and no token ends the search early.
        let same = |found, token: &Token| if token.digest == digest { Some(token.clone()) } else { found };
        let found = self.0.iter().fold(None, same).ok_or(Denied::Unknown)?;
        if found.roles.contains(&role) || found.roles.contains(&Role::Admin) {
            Ok(Caller { name: Some(found.name) })
        } else {
            Err(Denied::Role)
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No token, or an unknown one.
    Unknown,
    /// The token does not have the role.
    Role,
}

impl Role {
    fn named(name: &str) -> Option<Self> {
        match name {
            "inspect" => Some(Self::Inspect),
            "feedback" => Some(Self::Feedback),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "line inspect aaaaaaaaaaaaaaaaaaaa\n\nadmin admin bbbbbbbbbbbbbbbbbbbb\n";

    fn check(authorization: Option<&str>, role: Role) -> Result<Option<String>, Denied> {
        let tokens = Tokens::parse(TEXT).unwrap();
        let caller = tokens.check(authorization.map(str::as_bytes), role)?;
        Ok(caller.name.map(|name| name.to_string()))
    }

    #[test]
    fn a_token_has_its_roles_and_admin_has_all() {
        let line = Some("Bearer aaaaaaaaaaaaaaaaaaaa");
        let admin = Some("bearer  bbbbbbbbbbbbbbbbbbbb ");
        assert_eq!(check(line, Role::Inspect), Ok(Some("line".into())));
        assert_eq!(check(line, Role::Admin), Err(Denied::Role));
        assert_eq!(check(line, Role::Feedback), Err(Denied::Role));
        for role in [Role::Inspect, Role::Feedback, Role::Admin] {
            assert_eq!(check(admin, role), Ok(Some("admin".into())));
        }
        for other in
            [None, Some(""), Some("Bearer "), Some("Basic aaaaaaaaaaaaaaaaaaaa"), Some("Bearer aaaa")]
        {
            assert_eq!(check(other, Role::Inspect), Err(Denied::Unknown), "{other:?}");
        }
    }

    #[test]
    fn without_tokens_everybody_may_do_everything() {
        assert!(Tokens::default().check(None, Role::Admin).unwrap().name.is_none());
    }

    #[test]
    fn wrong_lines_are_refused_without_their_text() {
        for line in [
            "a inspect",
            "a inspect short",
            "a root aaaaaaaaaaaaaaaaaaaa",
            "a inspect aaaaaaaaaaaaaaaaaaaa b",
            "a inspect aaaaaaaaaaaaaaaaaaaa\na admin bbbbbbbbbbbbbbbbbbbb",
            "a inspect aaaaaaaaaaaaaaaaaaaa\nb admin aaaaaaaaaaaaaaaaaaaa",
        ] {
            let error = Tokens::parse(line).unwrap_err().to_string();
            assert!(error.contains("line ") && !error.contains("aaaa"), "{error}");
        }
    }
}
