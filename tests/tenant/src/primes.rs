//! Precomputed RSA keys. They are public, and only simulated phones sign with them.

use rsa::{BigUint, RsaPrivateKey};

/// The size, the number, and the two primes in hexadecimal digits.
type Made = (usize, u64, [&'static str; 2]);

const MADE: [Made; 7] = [
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
        3072,
        0,
        [
            "\
            ff0383a83c046f0dfe807aee4b44f3c86ffe8161d50bbca260b68356cce3312b9dbea98a73a9cec0\
            2a2ef551fba78b5bb34eaf8ebf6349df2e93ffb915deaddfcd0a8bf71b827613079b3b4144d63f43\
            48c06a56c0ae90d88d49cf82a9033ed8f575051d50c60a809ce3e8f526dfe1803f17b40f7cb4ba24\
            3b1c14b44c8810ba93d261cbad61f677fd1dfd477485aab8807585794b68d1e84cbd02af6e924733\
            8926c1802277fb98348c28ec0a018fcada269252fdd3c0571faa18cef5d93671",
            "\
            ef996f90fddcb3caba32b3e78dc60ce0779ec2ddb51a9fa8ddc3fe7c02fd24dd88b6658c768bc776\
            bd2b48e9ebe44cefb630316674f2877076ac3381bc516a803c48feb97c2bb17b976904545d2e469f\
            d55cfb928e2ac15298f2f7be2d0f517f82f9113c708041b55ba08ca98b7f21182e1d477d32574bd4\
            2d0c0913ccb02dbc64a7da2b27a5b55ad0918385e38d3383ffc1114b912fd3cd343b73a5816a34a4\
            9dfbe1c2f522486bddfa5a3816947ba24fc258dd0cbb178e986eb6fdd8e03331",
        ],
    ),
    (
        3072,
        1,
        [
            "\
            d875f3559aafdc639f0307224f0cdeb27c9642f9923b77140237faf169f955a133e25eb019036726\
            d43b4976889bc94b4324ec102f780f2fafd407ddf61c698f6b88679aeee75fcd6468770dbd5d90a0\
            df67fe24556799c1b0fea88b18c4eb75b60c10215fddf1b0d1262cfa3e834594afc4f31421dcb01b\
            fe772edcab4f7b7108d2832325fc3ec6c681212e897825b49f01e9959e4dcf77967957422427450b\
            f51b5a6790d55c78b9da387971611f1a0622b7562c916083dd870702231121d1",
            "\
            e64ba5b11459fee3e47270b10ad3068ed95969d4047b8fb78319d05559be2de711fd3e2e989c7093\
            4484d04a186116b6dc0c94ec90a5a844d6839fa1f07774e42a1262e87003c97751b8d6f5ed3a00fc\
            de8c1c5c30a6c3cce83fdd7b10ad7b0fbb0f318504120cfd4851a5f3c537f8354f7212c8236e8994\
            7543faf608c2372313a42e30ebdba871acb06b991076947f7305d39dc75be07eb79d65459e19c5c7\
            27d9d4ca546d1c0d193aff0e143f2189cc9cf39eccee4c459f0ff20af9933d9b",
        ],
    ),
    (
        3072,
        u64::MAX,
        [
            "\
            d94d208a75562bcf614fcbb0444653add3d11145401e331ee619db9ffa8b768bfd4d3be94a31a657\
            10f6d46ef2351e2786a1311fd561ae35abf89dc90dc40c1e61852d6f7090161ba5edba67e23a5d33\
            5ec45f46e6b5e97980cb534009f6b62d18279a2d49d5b75cc491446eb4d1230ccdfe3c8d727ec754\
            fa9d49243a349c59866709976b75f79d77e12d3c31710dbe7fa867ca0792c08c4d6aa6b1b34d30da\
            983b9bda5cf7286728c6f9ac30b108c986e6d5b42396a5a96fc48e7bf7eca425",
            "\
            f4c799c7a15948f9b77d3402fd082dad1f3118545e5c15081691335ff6dcb730d2d3d1f34c24cb70\
            b3f575cc9bbbc3bb92f499c4df71c542a3ea2f48a4213aa5556a31bfbec7653580fbbd5fa1b04209\
            233ebe3317401feca16e8e38b1916b40abe0d41090c03cf99d9d89518690cd667d9653486db39e60\
            47b8a648ec44a2877d5b90d0fecbaaff0e244a057493e5b518ced35a2638abb9a946efc3bedc4a18\
            87bcd3a1af66a684234b01632243c0006bf73c3fa8d712f3efad9d789e8c5903",
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
