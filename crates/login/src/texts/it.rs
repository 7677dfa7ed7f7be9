//! Italian. In ASCII, an apostrophe stands for an accent.

use super::{Text, Words};

pub const WORDS: Words = Words {
    sentence,
    units: [
        "secondo", "secondi", "minuto", "minuti", "ora", "ore", "giorno", "giorni",
    ],
    ascii: &[('è', "e'"), ('ò', "o'")],
};

fn sentence(text: &Text) -> &'static str {
    match text {
        Text::Approve(None) => "Approvare la richiesta sul telefono.",
        Text::Approve(Some(_)) => "Approvare la richiesta sul telefono ({phone}).",
        Text::ApproveAndType(None) => {
            "Approvare la richiesta sul telefono, poi digitare il codice mostrato: "
        }
        Text::ApproveAndType(Some(_)) => {
            "Approvare la richiesta sul telefono ({phone}), poi digitare il codice mostrato: "
        }
        Text::ApproveWithCode(None, _) => "Approvare la richiesta sul telefono. Codice: {code}",
        Text::ApproveWithCode(Some(_), _) => {
            "Approvare la richiesta sul telefono ({phone}). Codice: {code}"
        }
        Text::SendOnEnter => "Premere Invio per inviarla: ",
        Text::GoOnOnEnter => "Premere Invio per continuare: ",
        Text::WhichDevice => "Quale dispositivo?\n",
        Text::DeviceNumber(_) => "Dispositivo (1-{count}): ",
        Text::NotANumber => "Digitare uno dei numeri.\n",
        Text::Password => "Password: ",
        Text::AirlockPassword => "Password di Airlock: ",
        Text::Otp => "OTP: ",
        Text::Scan => "Scansionare questo codice con il token, poi digitare l'OTP mostrato.\n",
        Text::QrCodeNotShown => "Il codice QR non viene mostrato qui.\n",
        Text::QrCodeBroken => {
            "Il codice QR non può essere mostrato qui: avvisare l'amministratore.\n"
        }
        Text::CodeBySms(None) => "Un codice è stato inviato per SMS.\n",
        Text::CodeBySms(Some(_)) => "Un codice è stato inviato per SMS al numero {number}.\n",
        Text::WrongOtp => "Questo OTP è errato. Riprovare.\n",
        Text::NotAnOtp => "Questo non è un OTP. Riprovare.\n",
        Text::DeniedOnPhone => "Accesso rifiutato sul telefono.",
        Text::NoAnswerFromPhone(_) => "Nessuna risposta dal telefono entro {seconds} s.",
        Text::WrongCode => "Il codice è errato. Accesso negato.",
        Text::NotReached => "Il servizio di accesso non è raggiungibile.",
        Text::Refused => "Accesso negato.",
        Text::TryAgain => "Accesso negato. Riprovare.",
        Text::Locked => "Accesso negato. L'account è bloccato.",
        Text::LockedForSomeTime => "Accesso negato. L'account è temporaneamente bloccato.",
        Text::LockedUntil(_) => "Accesso negato. L'account è bloccato fino al {until}.",
        Text::LockedFor(..) => {
            "Accesso negato. L'account resta bloccato per {time}, fino al {until}."
        }
        Text::UnsupportedStep(_) => {
            "Accesso negato. Airlock richiede un passaggio che qui non è possibile: {step}"
        }
    }
}
