//! Precomputed RSA keys. They are public, and only simulated phones sign with them.

use rsa::{BigUint, RsaPrivateKey};

/// The size, the number, and the two primes in hexadecimal digits.
type Made = (usize, u64, [&'static str; 2]);

const MADE: [Made; 4] = [
    (
        2048,
        0,
        [
            "\
            d9ac66085b78e7abfc542cc935dd1b087634bdd5ae8e5efa5af5a7c44de4c9fee6d830bb5f81f211\
            8ac58ae8d537d3166ab16ce16c4037f84963f5886bcb012de0a8623b7f31ad94f9bfe20bcac5edda\
            852b361649bf02f0f65f5217a8c950d9848dffb8eb6816d0fff019d6cb61656748736675af8464b9\
            c8dec4682174c909",
            "\
            cd70094a8cd221cdcc97ad476c302786d378b83b38ce95e87dc4ecea911413745a24efc43d47df85\
            0548fd49b0d358007f635bd84061f0fa7183bd5e036c94225c8307b1c66bfb066305b506be733f7a\
            4df12ca13897df4619d4af8d29fec7e8c671301670cf6a515a35ba8aa5313ede3fe7ed43e2fe88c1\
            bcdc650f68d2ef79",
        ],
    ),
    (
        2048,
        1,
        [
            "\
            d96b0977b5e71c9b1ece64a4c90a41c3d3163971650f8f1cc013f486cf8e925c9934573086b3f5a3\
            4777f790e31ef6560e0e071c906af20a278a3f5102c3da934c3b9248fc757f4bc386a219fbe60b89\
            9e92d1a636d1d6baa28d46e5f7775d006a2ec61be85fb47063e91ee706b4a9bc792390a681652d23\
            4d62649e6d20225d",
            "\
            c5d5ab87ef5d5a78ef6c2fec1b72d733357018a96edc43f2a7a3b0164814e40d30bc7358913c2783\
            76826694853d61bb3a24f7b4d1c90ab9d1ab2805fd27c76a7fa8dcf23ce46a6ee43a83d4ee5eaae5\
            2873c69b1e0e31e032eeda6657e5f7f5705a5155e9514b9c24213b459623561b4dc40456853f491c\
            e2569768301959d3",
        ],
    ),
    (
        2048,
        u64::MAX,
        [
            "\
            f9be5979d928d46680d1994f53188a99bf098d557eb023c1e48b7bdc41b74a552d41a02d84ead7d9\
            4172e45cf09b19ab44a2d18b5b7c048682a2a0f6ba14d4d1f707b8a9ed480472452628515120010a\
            33cdb89e5dfe3e33ca89261a4a309e863522db179cd9aa3a1b61308189945b0ab4c7d4b6f8a1ebbb\
            70640902843abf15",
            "\
            fbb083f60d2ae1862ea51e1419da205f13c21fc7f07cf286371c3339bf148544dbd39433a4c2bca6\
            fa37f8fd5beac0f198ca1700887fb80291832c861b5aa99114b852a2c4475d0fc4c73b997108b728\
            49db5a7d3895293169e4ddcb980d50bd8eb7ed342f94ee1e120b7b2b3867b3775163433f31f7bd39\
            c498281379c4d0c1",
        ],
    ),
    (
        1024,
        0,
        [
            "\
            eb3f34da02ed97dac55d2dca3442ff3157113e6d3f7ecfa4a1f3d788d381102155d1cf2acd7bc84d\
            55f29e25874b62b0eff14b3b743788eec68559d6f96cb19d",
            "\
            f1cdac5b228d6e84230803fc83b78fbd3d4841c5a4cb73ce98ae86a2c0fb383b77088d8a5287f8fc\
            b9f6a0177fd5887a1a9230fad85f85dd0d7e90f56faff285",
        ],
    ),
];

/// The key that the random number generator with this seed would generate.
pub(crate) fn made_before(bits: usize, nth: u64) -> Option<RsaPrivateKey> {
    let (_, _, primes) = MADE.iter().find(|made| (made.0, made.1) == (bits, nth))?;
    let [p, q] = primes.map(|prime| BigUint::parse_bytes(prime.as_bytes(), 16).expect("digits"));
    Some(RsaPrivateKey::from_p_q(p, q, BigUint::from(65_537_u32)).expect("primes"))
}
