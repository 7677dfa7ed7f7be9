//! French.

use super::{Text, Words};

pub const WORDS: Words = Words {
    sentence,
    units: [
        "seconde", "secondes", "minute", "minutes", "heure", "heures", "jour", "jours",
    ],
    ascii: &[('é', "e"), ('ê', "e")],
};

fn sentence(text: &Text) -> &'static str {
    match text {
        Text::Approve(None) => "Approuvez la demande sur votre téléphone.",
        Text::Approve(Some(_)) => "Approuvez la demande sur votre téléphone ({phone}).",
        Text::ApproveAndType(None) => {
            "Approuvez la demande sur votre téléphone, puis saisissez le code qu'il affiche : "
        }
        Text::ApproveAndType(Some(_)) => {
            "Approuvez la demande sur votre téléphone ({phone}), puis saisissez le code qu'il affiche : "
        }
        Text::ApproveWithCode(None, _) => "Approuvez la demande sur votre téléphone. Code : {code}",
        Text::ApproveWithCode(Some(_), _) => {
            "Approuvez la demande sur votre téléphone ({phone}). Code : {code}"
        }
        Text::SendOnEnter => "Appuyez sur Entrée pour l'envoyer : ",
        Text::GoOnOnEnter => "Appuyez sur Entrée pour continuer : ",
        Text::WhichDevice => "Quel appareil ?\n",
        Text::DeviceNumber(_) => "Appareil (1-{count}) : ",
        Text::NotANumber => "Saisissez l'un des numéros.\n",
        Text::Password => "Mot de passe : ",
        Text::AirlockPassword => "Mot de passe Airlock : ",
        Text::Otp => "OTP : ",
        Text::Scan => "Scannez ce code avec votre jeton, puis saisissez l'OTP qu'il affiche.\n",
        Text::QrCodeNotShown => "Le code QR n'est pas affiché ici.\n",
        Text::QrCodeBroken => {
            "Le code QR ne peut pas être affiché ici : prévenez votre administrateur.\n"
        }
        Text::CodeBySms(None) => "Un code a été envoyé par SMS.\n",
        Text::CodeBySms(Some(_)) => "Un code a été envoyé par SMS au {number}.\n",
        Text::WrongOtp => "Cet OTP est incorrect. Réessayez.\n",
        Text::NotAnOtp => "Ce n'est pas un OTP. Réessayez.\n",
        Text::DeniedOnPhone => "Demande refusée sur le téléphone.",
        Text::NoAnswerFromPhone(_) => "Le téléphone n'a pas répondu dans les {seconds} s.",
        Text::WrongCode => "Le code est incorrect. Connexion refusée.",
        Text::NotReached => "Le service de connexion est injoignable.",
        Text::Refused => "Connexion refusée.",
        Text::TryAgain => "Connexion refusée. Veuillez réessayer.",
        Text::Locked => "Connexion refusée. Le compte est bloqué.",
        Text::LockedForSomeTime => "Connexion refusée. Le compte est temporairement bloqué.",
        Text::LockedUntil(_) => "Connexion refusée. Le compte est bloqué jusqu'au {until}.",
        Text::LockedFor(..) => {
            "Connexion refusée. Le compte est encore bloqué pendant {time}, jusqu'au {until}."
        }
        Text::UnsupportedStep(_) => {
            "Connexion refusée. Airlock demande une étape impossible ici : {step}"
        }
    }
}
