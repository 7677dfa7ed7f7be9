//! Unusual device lists.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tenant::{Airlock, Tenant};

use crate::browser::{Browser, DEVICES, start, step};

fn list(tenant: &Tenant, part: &str) -> (Browser, Value) {
    let mut browser = Browser::new(tenant);
    assert_eq!(
        step(&browser.log_in(part)),
        "AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED"
    );
    let list = browser.post(DEVICES, "").json();
    (browser, list["data"].clone())
}

fn all(list: &Value, member: &str) -> Vec<String> {
    let attribute = |device: &Value| device["attributes"][member].as_str().map(String::from);
    list.as_array()
        .unwrap()
        .iter()
        .filter_map(attribute)
        .collect()
}

fn ids(list: &Value) -> Vec<String> {
    let id = |device: &Value| device["id"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn ids_of_all_kinds_can_be_chosen_percent_encoded() {
    let tenant = start(Airlock::default());
    let (_, listed) = list(&tenant, "devices-odd-ids");
    let ids = ids(&listed);
    assert!(
        ids.concat().contains("../")
            && ids.concat().contains('%')
            && ids.contains(&"zürich".into())
    );
    for id in ids {
        let (mut browser, _) = list(&tenant, "devices-odd-ids");
        let encoded = utf8_percent_encode(&id, NON_ALPHANUMERIC);
        step(&browser.post(&format!("airlock-2fa/devices/{encoded}/select/"), ""));
    }
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn lists_are_strange_as_asked() {
    let tenant = start(Airlock::default());
    let of = |part: &str| list(&tenant, part).1;
    let hostile = all(&of("devices-hostile-names"), "displayName");
    assert!(
        hostile
            .iter()
            .all(|name| name.contains("\u{1b}[2J") && name.contains('\u{202e}'))
    );
    let long = all(&of("devices-long-names"), "displayName");
    assert!(long.iter().all(|name| name.len() == 10_000));
    assert_eq!(all(&of("devices-nameless"), "displayName").len(), 0);
    assert_eq!(all(&of("devices-nameless"), "deviceType").len(), 3);
    assert_eq!(all(&of("devices-typeless"), "deviceType").len(), 0);
    let twins = of("devices-twins");
    let names: BTreeSet<_> = all(&twins, "displayName").into_iter().collect();
    let different: BTreeSet<_> = ids(&twins).into_iter().collect();
    assert_eq!((names.len(), different.len()), (3, 6));
    let many = all(&of("devices-many"), "displayName");
    assert_eq!((many.len(), many[3_001].as_str()), (3_003, "GAQT12345678"));
    assert_eq!(ids(&of("devices-dot-ids")), [".", "..", ""]);
    assert_eq!(ids(&of("devices-same-ids")), ["same"; 3]);
    assert_eq!(of("devices-none").as_array().unwrap().len(), 0);
    assert!(of("devices-not-a-list").is_object());
}
