//! A client at other addresses than this host's. It is in a network namespace of its own, with a cable
//! to this one.
//!
//! The images have no `ip`, so this speaks rtnetlink(7). It needs `CAP_NET_ADMIN` and
//! `CAP_SYS_ADMIN`, which ../run gives to the cases `automation/`.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// The address of this host.
pub const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The addresses of the client.
pub const CLIENTS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(192, 0, 2, 8)];

/// The index of each end of the cable, in its namespace.
const INDEX: u32 = 1000;

// linux/rtnetlink.h, linux/netlink.h, linux/if_link.h, linux/if_addr.h, linux/veth.h.
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFF_UP: u32 = 1;

/// The client's network.
pub struct Elsewhere {
    namespace: File,
}

impl Elsewhere {
    /// Makes the network, and connects it with this host.
    pub fn set_up() -> Self {
        // unshare(2) changes the namespace of one thread.
        let namespace = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("CAP_SYS_ADMIN");
            File::open("/proc/thread-self/ns/net").expect("/proc")
        });
        let namespace = namespace.join().expect("a namespace");
        let number = u32::try_from(namespace.as_raw_fd()).expect("a descriptor");
        let peer = [
            link(0),
            attribute(IFLA_IFNAME, b"client\0"),
            attribute(IFLA_NET_NS_FD, &number.to_ne_bytes()),
        ];
        let data = attribute(VETH_INFO_PEER, &peer.concat());
        let kind = attribute(IFLA_INFO_KIND, b"veth\0");
        let info = [kind, attribute(IFLA_INFO_DATA, &data)].concat();
        let pair = [
            link(0),
            attribute(IFLA_IFNAME, b"host\0"),
            attribute(IFLA_LINKINFO, &info),
        ];
        route(RTM_NEWLINK, NLM_F_CREATE, &pair.concat());
        plug_in(&[HOST]);
        let elsewhere = Self { namespace };
        elsewhere.run(|| plug_in(&CLIENTS));
        elsewhere
    }

    /// Does this in the client's network. Programs that it starts stay there.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.namespace, CloneFlags::CLONE_NEWNET).expect("CAP_SYS_ADMIN");
                what()
            });
            thread.join().expect("the thread")
        })
    }
}

/// Turns this end of the cable on, and gives it addresses.
fn plug_in(addresses: &[Ipv4Addr]) {
    for address in addresses {
        // An IPv4 address of a network of 24 bits.
        let mut body = vec![2, 24, 0, 0];
        body.extend(INDEX.to_ne_bytes());
        body.extend(attribute(IFA_LOCAL, &address.octets()));
        body.extend(attribute(IFA_ADDRESS, &address.octets()));
        route(RTM_NEWADDR, NLM_F_CREATE, &body);
    }
    route(RTM_NEWLINK, 0, &link(IFF_UP));
}

/// The beginning of a message about this link, with these flags.
fn link(flags: u32) -> Vec<u8> {
    [0, INDEX, flags, flags].map(u32::to_ne_bytes).concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("a short value");
    let mut attribute = [length, kind].map(u16::to_ne_bytes).concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// Sends a message to the kernel. The kernel must accept it.
fn route(kind: u16, flags: u16, body: &[u8]) {
    let socket: OwnedFd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .expect("netlink");
    let length = u32::try_from(16 + body.len()).expect("a short message");
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(
        [kind, NLM_F_REQUEST | NLM_F_ACK | flags]
            .map(u16::to_ne_bytes)
            .concat(),
    );
    message.extend([0; 8]);
    message.extend(body);
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &message, &kernel, MsgFlags::empty()).expect("CAP_NET_ADMIN");
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("an answer");
    // The number of the error follows the header.
    let error = answer.get(16..20).filter(|_| length >= 20);
    assert_eq!(error, Some(&[0; 4][..]), "the kernel refuses");
}
