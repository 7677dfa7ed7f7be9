//! A user's device list, served well or badly.

use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::scenario::DeviceList;
use super::users::Device;

/// Text that must not reach a terminal unchanged.
pub(crate) const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;title\u{7}\r\n\nApproved. \u{202e}moc.elpmaxe\u{2066}\u{9b}31m\u{0}%s%n ";

/// One id for each device, and some more.
const ODD_IDS: [&str; 8] = [
    "../../flow",
    "a/b",
    "50%",
    "%2F",
    "a.b",
    "a b?c=d#e",
    "zürich",
    "a\\b;c&d+e",
];

/// The devices as listed. Their ids are the ones to choose from.
pub(crate) fn listed(devices: &[Device], list: DeviceList) -> Vec<Device> {
    let mut devices = devices.to_vec();
    match list {
        DeviceList::HostileNames => each(&mut devices, |device, nth| {
            device.name = format!("{HOSTILE}{nth}");
        }),
        DeviceList::LongNames => each(&mut devices, |device, nth| {
            device.name = format!("{nth}{}", "x".repeat(9_999));
        }),
        DeviceList::Twins => {
            let twins = devices.clone().into_iter().map(|device| {
                let id = format!("{}-2", device.id);
                device.id(id)
            });
            devices.extend(twins.collect::<Vec<_>>());
        }
        DeviceList::Many => {
            let phone = |nth| Device::phone(format!("Phone {nth}"));
            devices.splice(0..0, (1..=3_000).map(phone));
        }
        DeviceList::OddIds => {
            let more = ODD_IDS.len().saturating_sub(devices.len());
            devices.extend((1..=more).map(|nth| Device::phone(format!("Phone {nth}"))));
            each(&mut devices, |device, nth| {
                device.id = ODD_IDS[nth % ODD_IDS.len()].into();
            });
        }
        DeviceList::DotIds => each(&mut devices, |device, nth| {
            device.id = [".", "..", ""][nth % 3].into();
        }),
        DeviceList::SameIds => each(&mut devices, |device, _| device.id = "same".into()),
        DeviceList::None => devices.clear(),
        DeviceList::Normal | DeviceList::Nameless | DeviceList::Typeless | DeviceList::NotAList => {
        }
    }
    devices
}

fn each(devices: &mut [Device], mut change: impl FnMut(&mut Device, usize)) {
    for (nth, device) in devices.iter_mut().enumerate() {
        change(device, nth);
    }
}

/// Formats listed `devices` as a list.
pub(crate) fn answer(devices: &[Device], list: DeviceList) -> Answer {
    let entry = |device: &Device| {
        let mut attributes = json!({ "displayName": device.name, "deviceType": device.kind });
        let left_out = match list {
            DeviceList::Nameless => "displayName",
            DeviceList::Typeless => "deviceType",
            _ => "",
        };
        attributes.as_object_mut().map(|all| all.remove(left_out));
        json!({ "type": "authentication.airlock-2fa.device", "id": device.id, "attributes": attributes })
    };
    let mut entries: Vec<Value> = devices.iter().map(entry).collect();
    answer::data(&match list {
        DeviceList::NotAList => entries.swap_remove(0),
        _ => entries.into(),
    })
}
