//! Access rights of mailboxes and of accounts, and the lists that grant them.
//!
//! Spec: XIMSS, "Mailbox Management" (mailboxACLUpdate, mailboxRightsGet), "Account Management". The letters of mailboxes
//! are those of RFC 4314, older form; those of accounts are this server's own.

use super::fault::{Fault, Outcome};
use super::names::{AccountAddress, fold};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// What rights are about, and the letters they have.
pub trait RightsOn: Copy + Default {
    /// The letter of each right, the first for the lowest bit.
    const LETTERS: &'static str;
}

/// Rights on mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnMailbox;

impl RightsOn for OnMailbox {
    const LETTERS: &'static str = "lrswipcda";
}

/// Rights on accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnAccount;

impl RightsOn for OnAccount {
    const LETTERS: &'static str = "lpcmkfwba";
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct RightSet<K>(u16, PhantomData<K>);

/// A set of rights on a mailbox.
pub type Rights = RightSet<OnMailbox>;

/// A set of rights on an account.
pub type AccountRights = RightSet<OnAccount>;

impl<K: RightsOn> RightSet<K> {
    /// No right.
    pub const NONE: Self = Self(0, PhantomData);
    /// All of them: what the owner has.
    pub const ALL: Self = Self((1 << K::LETTERS.len()) - 1, PhantomData);

    const fn nth(n: usize) -> Self {
        Self(1 << n, PhantomData)
    }
    /// True when every right of `other` is there.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    /// The union.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0, PhantomData)
    }
    /// Without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0, PhantomData)
    }
}

impl RightSet<OnMailbox> {
    /// `l`: see the mailbox in lists.
    pub const LOOKUP: Self = Self::nth(0);
    /// `r`: open it and read messages.
    pub const READ: Self = Self::nth(1);
    /// `s`: change the `Seen` flag.
    pub const SEEN: Self = Self::nth(2);
    /// `w`: change the other flags.
    pub const WRITE: Self = Self::nth(3);
    /// `i`: append and copy into it.
    pub const INSERT: Self = Self::nth(4);
    /// `p`: deliver into it by rules and by address.
    pub const POST: Self = Self::nth(5);
    /// `c`: make mailboxes inside it.
    pub const CREATE: Self = Self::nth(6);
    /// `d`: mark deleted and expunge.
    pub const DELETE: Self = Self::nth(7);
    /// `a`: change the list of rights and the class, see hidden messages.
    pub const ADMINISTER: Self = Self::nth(8);
}

impl RightSet<OnAccount> {
    /// `l`: read the public information, free and busy times beyond the default, the roster.
    pub const LOOK: Self = Self::nth(0);
    /// `p`: receive the account's presence without being in its roster.
    pub const PRESENCE: Self = Self::nth(1);
    /// `c`: take signals for the account, read its log of calls.
    pub const CALLS: Self = Self::nth(2);
    /// `m`: send mail with the account's address in `From`.
    pub const MAIL: Self = Self::nth(3);
    /// `k`: answer for the account in meeting requests.
    pub const MEETINGS: Self = Self::nth(4);
    /// `f`: read files outside `private`.
    pub const READ_FILES: Self = Self::nth(5);
    /// `w`: with `f`, write there too.
    pub const WRITE_FILES: Self = Self::nth(6);
    /// `b`: read balances.
    pub const BALANCES: Self = Self::nth(7);
    /// `a`: change the list of rights.
    pub const ADMINISTER: Self = Self::nth(8);
}

impl<K: RightsOn> FromStr for RightSet<K> {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        text.trim().chars().try_fold(Self::NONE, |rights, c| {
            let found = K::LETTERS.chars().position(|letter| letter == c);
            found.map(|n| rights.with(Self::nth(n))).ok_or_else(|| Fault::bad("unknown access right"))
        })
    }
}

impl<K: RightsOn> fmt::Display for RightSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = K::LETTERS.chars().enumerate().filter(|(n, _)| self.has(Self::nth(*n)));
        letters.try_for_each(|(_, letter)| write!(f, "{letter}"))
    }
}

/// Whom an element of a list speaks of. `+` grants on top, `-` takes away, no sign sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclPattern(String);

impl AclPattern {
    /// The pattern as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    fn sign(&self) -> Option<char> {
        self.0.chars().next().filter(|c| *c == '+' || *c == '-')
    }
    fn name(&self) -> &str {
        self.0.trim_start_matches(['+', '-'])
    }
    /// Equal without regard to case.
    fn same(&self, other: &Self) -> bool {
        fold(&self.0) == fold(&other.0)
    }
    /// True for `anyone`, here or in a domain.
    fn means_many(&self) -> bool {
        let name = fold(self.name());
        name.split_once('@').map_or(name.as_str(), |(name, _)| name) == "anyone"
    }
    /// How closely the pattern names this user, in an account of `owner`: 2 by name, 1 as one of many.
    fn names(&self, user: &AccountAddress, owner: &AccountAddress) -> u8 {
        let name = fold(self.name());
        let same_domain = user.domain == owner.domain;
        if name == user.to_string() || same_domain && name == user.name.as_str() {
            return 2;
        }
        match name.split_once('@') {
            None if name == "anyone" => 1,
            Some(("anyone", domain)) if domain == user.domain.as_str() => 1,
            _ => 0,
        }
    }
}

impl FromStr for AclPattern {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let text = text.trim();
        let name = text.trim_start_matches(['+', '-']);
        if name.is_empty() || text.len() > 320 || text.len() - name.len() > 1 || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Fault::incorrect("pattern"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// One step of a change of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclStep<K = OnMailbox> {
    /// The rights become these.
    Set(AclPattern, RightSet<K>),
    /// These are granted too.
    Add(AclPattern, RightSet<K>),
    /// These are taken away.
    Sub(AclPattern, RightSet<K>),
    /// The element goes.
    Clear(AclPattern),
}

/// An access control list. An element left without rights stays: it keeps `anyone` out for that name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Acl<K = OnMailbox>(pub Vec<(AclPattern, RightSet<K>)>);

impl<K: RightsOn> Acl<K> {
    /// The most elements a list may have.
    pub const MOST: usize = 256;

    /// The effective rights of `user` on something of `owner`: the exact element or else the union of group elements,
    /// then the `+` elements are added, then the `-` elements are taken away. The owner has all rights.
    pub fn effective(&self, user: &AccountAddress, owner: &AccountAddress) -> RightSet<K> {
        if user == owner {
            return RightSet::ALL;
        }
        let plain = |closeness: u8| {
            let fitting = self.0.iter().filter(move |(p, _)| p.sign().is_none() && p.names(user, owner) == closeness);
            fitting.map(|(_, r)| *r).reduce(RightSet::with)
        };
        let signed = |sign: char| {
            let fitting = self.0.iter().filter(move |(p, _)| p.sign() == Some(sign) && p.names(user, owner) > 0);
            fitting.fold(RightSet::NONE, |all, (_, r)| all.with(*r))
        };
        plain(2).or_else(|| plain(1)).unwrap_or_default().with(signed('+')).without(signed('-'))
    }

    /// Takes out all elements that name this user, in a list of something of `owner`; true if there were any. `anyone` is
    /// not the name of a user.
    pub fn forget(&mut self, user: &AccountAddress, owner: &AccountAddress) -> bool {
        let before = self.0.len();
        self.0.retain(|(pattern, _)| pattern.means_many() || pattern.names(user, owner) < 2);
        self.0.len() < before
    }

    /// Applies the steps in order; on a fault nothing must be kept of the result.
    pub fn update(&mut self, steps: &[AclStep<K>]) -> Outcome<()> {
        for step in steps {
            let (AclStep::Set(pattern, _) | AclStep::Add(pattern, _) | AclStep::Sub(pattern, _) | AclStep::Clear(pattern)) = step;
            let at = self.0.iter().position(|(p, _)| p.same(pattern));
            let old = at.and_then(|i| self.0.get(i)).map(|(_, r)| *r).unwrap_or_default();
            let rights = match step {
                AclStep::Set(_, rights) => Some(*rights),
                AclStep::Add(_, rights) => Some(old.with(*rights)),
                AclStep::Sub(_, rights) => Some(old.without(*rights)),
                AclStep::Clear(_) => None,
            };
            match (at, rights) {
                (Some(i), Some(rights)) => self.0.iter_mut().skip(i).take(1).for_each(|element| element.1 = rights),
                (Some(i), None) => drop(self.0.remove(i)),
                (None, Some(rights)) => self.0.push((pattern.clone(), rights)),
                (None, None) => {}
            }
        }
        if self.0.len() > Self::MOST {
            return Err(Fault::quota("too many access control elements"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(rows: &[(&str, &str)]) -> Acl {
        Acl(rows.iter().map(|(p, r)| (p.parse().unwrap(), r.parse().unwrap())).collect())
    }

    #[test]
    fn effective_rights_follow_the_three_steps() {
        let owner: AccountAddress = "alice@example.test".parse().unwrap();
        let bob: AccountAddress = "bob@example.test".parse().unwrap();
        let carol: AccountAddress = "carol@other.test".parse().unwrap();
        let list = acl(&[("anyone", "lr"), ("bob", "lrs"), ("+bob", "i"), ("-anyone", "s"), ("anyone@other.test", "w")]);
        assert_eq!(list.effective(&owner, &owner), Rights::ALL);
        assert_eq!(list.effective(&bob, &owner).to_string(), "lri");
        assert_eq!(list.effective(&carol, &owner).to_string(), "lrw");
        assert_eq!(acl(&[("anyone", "lr"), ("bob", "")]).effective(&bob, &owner), Rights::NONE);
    }

    #[test]
    fn a_user_is_forgotten_however_he_was_named() {
        let owner: AccountAddress = "alice@example.test".parse().unwrap();
        let mut list =
            acl(&[("anyone", "l"), ("Bob", "lr"), ("+bob@Example.test", "i"), ("-bob", "s"), ("bobby", "l"), ("bob@other.test", "l")]);
        assert!(list.forget(&"bob@example.test".parse().unwrap(), &owner));
        assert_eq!(list, acl(&[("anyone", "l"), ("bobby", "l"), ("bob@other.test", "l")]));
        assert!(!list.forget(&"bob@example.test".parse().unwrap(), &owner));
        let mut elsewhere = acl(&[("bob", "lr"), ("bob@example.test", "lr"), ("anyone@example.test", "l")]);
        let other: AccountAddress = "alice@other.test".parse().unwrap();
        assert!(elsewhere.forget(&"bob@example.test".parse().unwrap(), &other));
        assert_eq!(elsewhere, acl(&[("bob", "lr"), ("anyone@example.test", "l")]), "a bare name is one of the owner's domain");
        assert!(!elsewhere.forget(&"anyone@example.test".parse().unwrap(), &owner), "the group stays");
    }

    #[test]
    fn steps_apply_in_order() {
        let mut list = acl(&[("user1", "lr"), ("user2", "lr")]);
        let step = |mode: fn(AclPattern, Rights) -> AclStep, p: &str, r: &str| mode(p.parse().unwrap(), r.parse().unwrap());
        list.update(&[step(AclStep::Add, "user1", "di"), step(AclStep::Sub, "user2", "r")]).unwrap();
        assert_eq!(list, acl(&[("user1", "lrid"), ("user2", "l")]));
        assert!("lx".parse::<Rights>().is_err());
    }

    #[test]
    fn accounts_have_letters_of_their_own() {
        assert_eq!(AccountRights::ALL.to_string(), "lpcmkfwba");
        assert_eq!(AccountRights::ALL.to_string().parse::<AccountRights>().unwrap(), AccountRights::ALL);
        assert!("lr".parse::<AccountRights>().is_err());
    }
}
