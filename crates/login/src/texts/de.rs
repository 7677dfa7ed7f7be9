//! German.

use super::{Text, Words};

pub const WORDS: Words = Words {
    sentence,
    units: [
        "Sekunde", "Sekunden", "Minute", "Minuten", "Stunde", "Stunden", "Tag", "Tage",
    ],
    ascii: &[('ä', "ae"), ('ö', "oe"), ('ü', "ue")],
};

fn sentence(text: &Text) -> &'static str {
    match text {
        Text::Approve(None) => "Bestätigen Sie die Anfrage auf Ihrem Telefon.",
        Text::Approve(Some(_)) => "Bestätigen Sie die Anfrage auf Ihrem Telefon ({phone}).",
        Text::ApproveAndType(None) => {
            "Bestätigen Sie die Anfrage auf Ihrem Telefon und geben Sie den dort angezeigten Code ein: "
        }
        Text::ApproveAndType(Some(_)) => {
            "Bestätigen Sie die Anfrage auf Ihrem Telefon ({phone}) und geben Sie den dort angezeigten Code ein: "
        }
        Text::ApproveWithCode(None, _) => {
            "Bestätigen Sie die Anfrage auf Ihrem Telefon. Code: {code}"
        }
        Text::ApproveWithCode(Some(_), _) => {
            "Bestätigen Sie die Anfrage auf Ihrem Telefon ({phone}). Code: {code}"
        }
        Text::SendOnEnter => "Senden mit der Eingabetaste: ",
        Text::GoOnOnEnter => "Weiter mit der Eingabetaste: ",
        Text::WhichDevice => "Welches Gerät?\n",
        Text::DeviceNumber(_) => "Gerät (1-{count}): ",
        Text::NotANumber => "Bitte geben Sie eine der Nummern ein.\n",
        Text::Password => "Passwort: ",
        Text::AirlockPassword => "Airlock-Passwort: ",
        Text::Otp => "OTP: ",
        Text::Scan => {
            "Scannen Sie diesen Code mit Ihrem Token und geben Sie das angezeigte OTP ein.\n"
        }
        Text::QrCodeNotShown => "Der QR-Code wird hier nicht angezeigt.\n",
        Text::QrCodeBroken => {
            "Der QR-Code kann hier nicht angezeigt werden: Bitte melden Sie das Ihrem Administrator.\n"
        }
        Text::CodeBySms(None) => "Ein Code wurde per SMS gesendet.\n",
        Text::CodeBySms(Some(_)) => "Ein Code wurde per SMS an {number} gesendet.\n",
        Text::WrongOtp => "Dieses OTP war falsch. Versuchen Sie es noch einmal.\n",
        Text::NotAnOtp => "Das ist kein OTP. Versuchen Sie es noch einmal.\n",
        Text::DeniedOnPhone => "Anmeldung auf dem Telefon abgelehnt.",
        Text::NoAnswerFromPhone(_) => "Keine Antwort vom Telefon innerhalb von {seconds} s.",
        Text::WrongCode => "Der Code ist falsch. Anmeldung verweigert.",
        Text::NotReached => "Der Anmeldedienst ist nicht erreichbar.",
        Text::Refused => "Anmeldung verweigert.",
        Text::TryAgain => "Anmeldung verweigert. Bitte versuchen Sie es noch einmal.",
        Text::Locked => "Anmeldung verweigert. Das Konto ist gesperrt.",
        Text::LockedForSomeTime => "Anmeldung verweigert. Das Konto ist vorübergehend gesperrt.",
        Text::LockedUntil(_) => "Anmeldung verweigert. Das Konto ist bis {until} gesperrt.",
        Text::LockedFor(..) => {
            "Anmeldung verweigert. Das Konto ist noch {time} gesperrt, bis {until}."
        }
        Text::UnsupportedStep(_) => {
            "Anmeldung verweigert. Airlock verlangt einen Schritt, der hier nicht möglich ist: {step}"
        }
    }
}
