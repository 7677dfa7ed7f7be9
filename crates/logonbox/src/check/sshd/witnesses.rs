//! Connections that may meet the condition of a `Match` block. sshd says whether they do.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::super::program;
use super::words::words;

/// A user who does not exist.
const STRANGER: &str = "logonbox-stranger";
/// A user of every host and its group. If a block names them, the stranger stands for everybody.
const NOBODY: [&str; 2] = ["nobody", "nogroup"];
/// No client connects from them, and no sshd listens on them (RFC 5737, RFC 2544).
const NOWHERE: [&str; 4] = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1"];
/// Most of the users that one group or pattern brings.
const MOST_USERS: usize = 8;
/// Most connections that are tried until a block is met.
const MOST_TRIES: usize = 64;

/// What `sshd -T -C` can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub user: String,
    pub address: String,
    /// The name of the address, if it is not the address itself.
    pub host: Option<String>,
    pub local_address: String,
    pub local_port: String,
    pub rdomain: Option<String>,
}

impl Connection {
    /// The argument of `-C`. It cannot carry commas.
    pub fn specification(&self) -> Option<String> {
        let host = self.host.as_deref().unwrap_or(&self.address);
        let mut parts = vec![
            ("user", self.user.as_str()),
            ("host", host),
            ("addr", &self.address),
            ("laddr", &self.local_address),
            ("lport", &self.local_port),
        ];
        parts.extend(self.rdomain.as_deref().map(|rdomain| ("rdomain", rdomain)));
        let is_carried = parts.iter().all(|(_, value)| !value.contains([',', '\0']));
        let parts: Vec<_> = parts
            .iter()
            .map(|(key, it)| format!("{key}={it}"))
            .collect();
        is_carried.then(|| parts.join(","))
    }

    /// A connection that meets none of these conditions, as far as one can be made.
    pub fn of_everybody(conditions: &[Condition]) -> Self {
        let items = |names: [Kind; 2]| {
            conditions
                .iter()
                .flat_map(|condition| &condition.0)
                .filter(move |(kind, _)| names.contains(kind))
                .flat_map(|(_, list)| list)
                .map(|item| item.trim_start_matches('!'))
        };
        let named = items([Kind::User, Kind::Group]).any(|item| NOBODY.contains(&item));
        let user = if named { STRANGER } else { "nobody" };
        let networks: Vec<IpNet> = items([Kind::Address, Kind::LocalAddress])
            .filter_map(network)
            .collect();
        let in_fewest = NOWHERE.iter().min_by_key(|nowhere| {
            let address: Option<IpAddr> = nowhere.parse().ok();
            let holds =
                |network: &&IpNet| address.is_some_and(|address| network.contains(&address));
            networks.iter().filter(holds).count()
        });
        let nowhere = (*in_fewest.unwrap_or(&NOWHERE[0])).to_owned();
        Self {
            user: user.to_owned(),
            address: nowhere.clone(),
            host: None,
            local_address: nowhere,
            local_port: "22".to_owned(),
            rdomain: None,
        }
    }

    /// Makes it a connection to this socket of sshd.
    pub fn comes_to(&mut self, socket: SocketAddr) {
        if !socket.ip().is_unspecified() {
            self.local_address = socket.ip().to_string();
        }
        self.local_port = socket.port().to_string();
    }

    /// The differences to `other`, for people.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let of = |kind: &str, mine: &str, theirs: &str| {
            (mine != theirs).then(|| format!("{kind} {mine}"))
        };
        let local = |it: &Self| format!("{} port {}", it.local_address, it.local_port);
        [
            of("user", &self.user, &other.user),
            of("address", &self.address, &other.address),
            of("local address", &local(self), &local(other)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Group,
    Host,
    Address,
    LocalAddress,
    LocalPort,
    RDomain,
    InvalidUser,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "user" => Self::User,
            "group" => Self::Group,
            "host" => Self::Host,
            "address" => Self::Address,
            "localaddress" => Self::LocalAddress,
            "localport" => Self::LocalPort,
            "rdomain" => Self::RDomain,
            "invalid-user" => Self::InvalidUser,
            _ => return None,
        })
    }
}

/// The criteria of a `Match` block with their lists. Words that are not known bring no witness.
#[derive(Debug, Clone)]
pub struct Condition(Vec<(Kind, Vec<String>)>);

/// A change of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    User(String),
    Address(String),
    Host(String),
    LocalAddress(String),
    LocalPort(String),
    RDomain(String),
}

impl Change {
    pub fn apply(&self, to: &mut Connection) {
        match self.clone() {
            Self::User(user) => to.user = user,
            Self::Address(address) => to.address = address,
            Self::Host(host) => to.host = Some(host),
            Self::LocalAddress(address) => to.local_address = address,
            Self::LocalPort(port) => to.local_port = port,
            Self::RDomain(rdomain) => to.rdomain = Some(rdomain),
        }
    }
}

impl Condition {
    /// Reads the words after `Match`.
    pub fn parse(text: &str) -> Self {
        let mut criteria = Vec::new();
        let mut waiting = None;
        for word in words(text) {
            let (kind, list) = match (waiting.take(), word.split_once('=')) {
                (Some(kind), _) => (Some(kind), word.trim_start_matches('=')),
                (None, Some((name, list))) => (Kind::of(name), list),
                (None, None) => (Kind::of(&word), ""),
            };
            let Some(kind) = kind else {
                continue;
            };
            if kind != Kind::InvalidUser && list.is_empty() {
                waiting = Some(kind);
                continue;
            }
            criteria.push((kind, list.split(',').map(str::to_owned).collect()));
        }
        Self(criteria)
    }

    /// Whether no connection meets it: a list of negated patterns alone matches none (PATTERNS in
    /// `ssh_config(5)`).
    pub fn is_dead(&self) -> bool {
        let negated = |list: &[String]| list.iter().all(|item| item.starts_with('!'));
        self.0
            .iter()
            .any(|(kind, list)| *kind != Kind::InvalidUser && negated(list))
    }

    fn lists(&self, of: Kind) -> impl Iterator<Item = &String> {
        self.0
            .iter()
            .filter(move |(kind, _)| *kind == of)
            .flat_map(|(_, list)| list)
    }

    /// The names that stand in it, without patterns.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.lists(Kind::User)
            .map(|item| item.trim_start_matches('!'))
            .filter(|item| !item.contains(['*', '?']))
    }

    /// The changes that may make a connection meet it, one list for each property.
    pub fn changes(&self, people: &People, named: &BTreeSet<&str>) -> Vec<Vec<Change>> {
        let hosts = |kind| self.lists(kind).flat_map(|item| instances(item));
        let addresses = |kind| {
            let (refused, wanted): (Vec<_>, Vec<_>) =
                self.lists(kind).partition(|item| item.starts_with('!'));
            let all = wanted.into_iter().chain(refused);
            all.flat_map(|item| hosts_in(item.trim_start_matches('!')))
        };
        let ports = hosts(Kind::LocalPort).filter(|port| port.parse::<u16>().is_ok());
        let all = [
            self.user_names(people, named)
                .into_iter()
                .map(Change::User)
                .collect(),
            addresses(Kind::Address).map(Change::Address).collect(),
            hosts(Kind::Host).map(Change::Host).collect(),
            addresses(Kind::LocalAddress)
                .map(Change::LocalAddress)
                .collect(),
            ports.map(Change::LocalPort).collect(),
            hosts(Kind::RDomain).map(Change::RDomain).collect(),
        ];
        all.into_iter()
            .map(|changes: Vec<Change>| {
                let mut unique = Vec::new();
                for change in changes {
                    if !unique.contains(&change) {
                        unique.push(change);
                    }
                }
                unique
            })
            .filter(|changes| !changes.is_empty())
            .collect()
    }

    fn user_names(&self, people: &People, named: &BTreeSet<&str>) -> Vec<String> {
        let mut users: Vec<String> = self
            .lists(Kind::User)
            .flat_map(|item| instances(item).chain(people.like(item)))
            .collect();
        let groups: Vec<_> = self.lists(Kind::Group).map(String::as_str).collect();
        let mut members = people.members(&groups);
        // An earlier block for a member alone would hide the settings of this block.
        members.sort_by_key(|member| named.contains(member.as_str()));
        members.truncate(MOST_USERS);
        users.extend(self.lists(Kind::InvalidUser).map(|_| STRANGER.to_owned()));
        users.extend(members);
        users
    }
}

/// The connections that these changes make, until there are too many.
pub fn combinations<'c>(
    from: &'c Connection,
    changes: &'c [Vec<Change>],
) -> impl Iterator<Item = Connection> + 'c {
    // One more for each property: it stays as it is.
    let choices = changes.iter().fold(1_usize, |all, one| {
        all.saturating_mul(one.len().saturating_add(1))
    });
    (0..choices.min(MOST_TRIES)).map(move |mut number| {
        let mut connection = from.clone();
        for property in changes {
            let count = property.len().saturating_add(1);
            if let Some(change) = property.get(number.checked_rem(count).unwrap_or_default()) {
                change.apply(&mut connection);
            }
            number = number.checked_div(count).unwrap_or_default();
        }
        connection
    })
}

/// Names that fit a pattern of `*` and `?`, or a name that is none. A pattern for every name brings
/// none.
fn instances(item: &str) -> impl Iterator<Item = String> + use<> {
    let item = item.trim_start_matches('!').replace('?', "1");
    let found = match (item.trim_matches('*'), item.contains('*')) {
        ("", _) => Vec::new(),
        (_, false) => vec![item],
        (_, true) => vec![item.replace('*', "1"), item.replace('*', "")],
    };
    found.into_iter()
}

fn network(item: &str) -> Option<IpNet> {
    item.parse()
        .ok()
        .or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Addresses in each quarter of a network, since a list may exclude parts of it.
pub fn hosts_in(item: &str) -> Vec<String> {
    let Some(network) = network(item) else {
        return instances(item).collect();
    };
    let quarter = network
        .prefix_len()
        .saturating_add(2)
        .min(network.max_prefix_len());
    network
        .subnets(quarter)
        .into_iter()
        .flatten()
        .filter_map(|part| part.hosts().next())
        .chain([network.network(), network.broadcast()])
        .map(|address| address.to_string())
        .collect()
}

/// The users and groups that the host lists.
#[derive(Debug, Default)]
pub struct People {
    /// Names with the primary group.
    users: Vec<(String, String)>,
    /// Names with the id, and the members.
    groups: Vec<(String, String, Vec<String>)>,
}

impl People {
    /// Asks getent(1). A directory may tell groups only by their names, so these are asked for.
    pub fn ask<'c>(conditions: &'c [Condition], more: impl Iterator<Item = &'c str>) -> Self {
        let Some(getent) = program::find(&["/usr/bin/getent", "/bin/getent"]) else {
            return Self::default();
        };
        let lines = |arguments: &[&str]| {
            program::ask(&getent, arguments).map_or_else(|_| String::new(), |said| said.out)
        };
        let named = conditions
            .iter()
            .flat_map(|condition| condition.lists(Kind::Group))
            .map(String::as_str);
        let mut by_name = vec!["group", "--"];
        by_name.extend(named.chain(more));
        Self::parse(&lines(&["passwd"]), &(lines(&by_name) + &lines(&["group"])))
    }

    fn parse(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.nth(2)?.to_owned()))
        });
        let groups = group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, id) = (fields.next()?.to_owned(), fields.nth(1)?.to_owned());
            let members = fields.next()?.split(',').filter(|name| !name.is_empty());
            Some((name, id, members.map(str::to_owned).collect()))
        });
        Self {
            users: users.collect(),
            groups: groups.collect(),
        }
    }

    /// Users that fit a pattern. A pattern for every name brings none.
    fn like(&self, pattern: &str) -> impl Iterator<Item = String> {
        let is_some = pattern.contains(['*', '?']) && !pattern.trim_matches('*').is_empty();
        self.users
            .iter()
            .filter(move |(name, _)| is_some && fits(name, pattern))
            .map(|(name, _)| name.clone())
            .take(MOST_USERS)
    }

    /// The members of the groups that fit a list of patterns, those with this primary group included.
    pub fn members(&self, list: &[&str]) -> Vec<String> {
        let (refused, wanted): (Vec<&str>, Vec<&str>) =
            list.iter().partition(|item| item.starts_with('!'));
        let groups = self.groups.iter().filter(|(name, ..)| {
            wanted.iter().any(|item| fits(name, item))
                && !refused
                    .iter()
                    .any(|item| fits(name, item.trim_start_matches('!')))
        });
        let mut all = Vec::new();
        for (_, id, members) in groups {
            let primary = self.users.iter().filter(|(_, group)| group == id);
            for member in members.iter().chain(primary.map(|(name, _)| name)) {
                if !all.contains(member) {
                    all.push(member.clone());
                }
            }
        }
        all
    }
}

/// Whether a name fits a pattern of `*` and `?`.
fn fits(name: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| fits(name.get(at..).unwrap_or_default(), rest.as_str()))
        }
        Some(sign) => name
            .strip_prefix(|other| sign == '?' || other == sign)
            .is_some_and(|name| fits(name, rest.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        People::parse(
            "root:x:0:0::/:/bin/sh\nlee:x:1000:100::/:\nkim:x:1001:1001::/:\n",
            "root:x:0:\nusers:x:100:\nadmins:x:27:kim,lee\ndomain users:x:9:\nadmit:x:8:kim\n",
        )
    }

    fn tried(text: &str) -> Vec<String> {
        let changes = Condition::parse(text).changes(&people(), &BTreeSet::new());
        let from = Connection::of_everybody(&[]);
        combinations(&from, &changes)
            .filter_map(|connection| connection.specification())
            .map(|with| with.replace(",laddr=192.0.2.1,lport=22", ""))
            .collect()
    }

    #[test]
    fn connections_for_conditions() {
        for (text, wanted) in [
            (
                "User lee # break glass",
                "user=lee,host=192.0.2.1,addr=192.0.2.1",
            ),
            ("User=\"lee\"", "user=lee,host=192.0.2.1,addr=192.0.2.1"),
            (
                "user = 'lee' Address *",
                "user=lee,host=192.0.2.1,addr=192.0.2.1",
            ),
            ("User *,!kim", "user=kim,host=192.0.2.1,addr=192.0.2.1"),
            ("User k*", "user=kim,host=192.0.2.1,addr=192.0.2.1"),
            ("User ad?in", "user=ad1in,host=192.0.2.1,addr=192.0.2.1"),
            (
                "User ACME\\lee",
                "user=ACME\\lee,host=192.0.2.1,addr=192.0.2.1",
            ),
            (
                "Group nosuch,users",
                "user=lee,host=192.0.2.1,addr=192.0.2.1",
            ),
            (
                "Group admi*,!admins",
                "user=kim,host=192.0.2.1,addr=192.0.2.1",
            ),
            (
                "invalid-user",
                "user=logonbox-stranger,host=192.0.2.1,addr=192.0.2.1",
            ),
            (
                "Host *.acme.com",
                "user=nobody,host=1.acme.com,addr=192.0.2.1",
            ),
            ("Address 10.1.*", "user=nobody,host=10.1.1,addr=10.1.1"),
            (
                "Address !192.0.2.0,192.0.2.0/24",
                "user=nobody,host=192.0.2.65,addr=192.0.2.65",
            ),
            (
                "Address 10.0.0.0/8,!10.0.0.0/9",
                "user=nobody,host=10.128.0.1,addr=10.128.0.1",
            ),
            (
                "Address 2001:db8::/32",
                "user=nobody,host=2001:db8::,addr=2001:db8::",
            ),
            (
                "RDomain red",
                "user=nobody,host=192.0.2.1,addr=192.0.2.1,rdomain=red",
            ),
            (
                "User lee Address 10.0.0.1 User kim",
                "user=kim,host=10.0.0.1,addr=10.0.0.1",
            ),
        ] {
            let tried = tried(text);
            assert!(tried.iter().any(|one| one == wanted), "{text}: {tried:#?}");
        }
        let sockets = tried("LocalPort 2222 LocalAddress 127.0.0.1");
        let wanted = "user=nobody,host=192.0.2.1,addr=192.0.2.1,laddr=127.0.0.1,lport=2222";
        assert_eq!(sockets.first().map(String::as_str), Some(wanted));
        assert_eq!(tried("Group \"domain users\" LocalPort x").len(), 1);
        // What is not known brings nothing.
        assert_eq!(tried("Final # nothing").len(), 1);
    }

    #[test]
    fn a_condition_with_negated_patterns_alone() {
        for (text, dead) in [
            ("User !lee", true),
            ("User !lee,!kim Address *", true),
            ("Address !10.0.0.0/8", true),
            ("User *,!lee", false),
            ("User lee", false),
            ("all", false),
            ("invalid-user", false),
        ] {
            assert_eq!(Condition::parse(text).is_dead(), dead, "{text}");
        }
    }

    #[test]
    fn everybody_stands_in_no_condition() {
        let of = |text: &str| Connection::of_everybody(&[Condition::parse(text)]);
        let user = |text: &str| of(text).user;
        assert_eq!(user("User *,!root"), "nobody");
        assert_eq!(user("User nobody"), STRANGER);
        assert_eq!(user("Group !nogroup,*"), STRANGER);
        assert_eq!(
            of("Address 192.0.2.0/24,10.0.0.0/8").address,
            "198.51.100.1"
        );
        assert_eq!(of("LocalAddress 192.0.2.1").local_address, "198.51.100.1");
    }
}
