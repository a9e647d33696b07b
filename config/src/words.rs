//! The closed sets of words a key may take.

use crate::text::FromText;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $expected:literal {
        $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $variant,)+
        }

        impl $name {
            /// The word in the file.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromText for $name {
            const EXPECTED: &'static str = $expected;
            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    )+};
}

words! {
    /// Whether a platform's authorizations must carry its signature (interfaces.md section 2).
    Proof "\"required\" or \"optional\"" {
        /// Without a good signature nothing is registered.
        Required = "required",
        /// A signature is checked if there is one; for demonstrations and tests.
        Optional = "optional",
    }

    /// What is done about an account that guesses recipients.
    GuessingAction "\"freeze\", \"alarm\" or \"off\"" {
        /// It is shut out until staff let it in again.
        Freeze = "freeze",
        /// Staff are told.
        Alarm = "alarm",
        /// Nothing is counted.
        Off = "off",
    }

    /// What becomes of a submit beyond a bind's window.
    WindowFull "\"wait\" or \"refuse\"" {
        /// It stays in the connection, and TCP holds the client back.
        Wait = "wait",
        /// It is answered RTHROTTLED.
        Refuse = "refuse",
    }

    /// What a bind to an SMSC carries.
    BindMode "\"transceiver\", \"transmitter\" or \"receiver\"" {
        /// Both directions.
        Transceiver = "transceiver",
        /// Messages to the SMSC.
        Transmitter = "transmitter",
        /// Receipts and replies from the SMSC.
        Receiver = "receiver",
    }

    /// How an SMSC writes message ids in its response and in its receipts.
    IdFormat "\"auto\", \"as-is\", \"decimal\", \"hex\" or \"hex-then-decimal\"" {
        /// Tried as they are, then as numbers in either base.
        Auto = "auto",
        /// The same text in both.
        AsIs = "as-is",
        /// Decimal in both; leading zeros do not count.
        Decimal = "decimal",
        /// Hexadecimal in both; case and leading zeros do not count.
        Hex = "hex",
        /// Hexadecimal in the response, decimal in the receipt.
        HexThenDecimal = "hex-then-decimal",
    }

    /// What `data_coding` 0 means to an SMSC.
    Alphabet "\"gsm7\" or \"latin1\"" {
        /// The GSM 7-bit default alphabet, one octet a character.
        Gsm7 = "gsm7",
        /// ISO 8859-1.
        Latin1 = "latin1",
    }

    /// How an SMSC takes texts that do not fit into one message.
    Long "\"udh8\", \"udh16\", \"sar\" or \"payload\"" {
        /// In parts with a user data header and an 8-bit reference.
        Udh8 = "udh8",
        /// In parts with a user data header and a 16-bit reference.
        Udh16 = "udh16",
        /// In parts with `sar_*` TLVs.
        Sar = "sar",
        /// Whole, in `message_payload` where it is long; the SMSC cuts it.
        Payload = "payload",
    }

    /// How subscriber numbers are written for an SMSC.
    AddressForm "\"international\" or \"national\"" {
        /// Country code first, without `+` (ton 1, npi 1).
        International = "international",
        /// Without country code (ton 2, npi 1).
        National = "national",
    }

    /// Of which kind an SMSC's refusal or failure is.
    RetryClass "\"throttled\", \"congestion\", \"temporary\", \"subscriber\", \"content\", \"route\" or \"unknown\"" {
        /// Less a second: the link slows down.
        Throttled = "throttled",
        /// Its queue is full: as throttled.
        Congestion = "congestion",
        /// It passes.
        Temporary = "temporary",
        /// The recipient, for good.
        Subscriber = "subscriber",
        /// What is sent, for good.
        Content = "content",
        /// This way, for good.
        Route = "route",
        /// Nobody knows.
        Unknown = "unknown",
    }

    /// Whether, and where, a message is tried again.
    RetryWhere "\"no\", \"same\", \"other\" or \"any\"" {
        /// It ends.
        No = "no",
        /// On the same channel.
        Same = "same",
        /// On another channel; without one it ends.
        Other = "other",
        /// On any channel its service number may use.
        Any = "any",
    }

    /// What the refusal of a person holds for.
    OptOutScope "\"enterprise\" or \"service_number\"" {
        /// All service numbers of the enterprise.
        Enterprise = "enterprise",
        /// The service number that was written to.
        ServiceNumber = "service_number",
    }

    /// What becomes of a message whose `schedule_delivery_time` has passed.
    PastSchedule "\"now\" or \"refuse\"" {
        /// It is sent at once.
        Now = "now",
        /// ESME_RINVSCHED.
        Refuse = "refuse",
    }

    /// The storage engine behind the journal.
    JournalEngine "\"log\", \"sled\" or \"memory\"" {
        /// Segment files with group commits; durable.
        Log = "log",
        /// The sled database; only for what may be lost.
        Sled = "sled",
        /// Nothing on disk; for tests.
        Memory = "memory",
    }

    /// The least important lines that are logged.
    LogLevel "\"error\", \"warn\", \"info\" or \"debug\"" {
        /// Something failed.
        Error = "error",
        /// Something needs a look.
        Warn = "warn",
        /// Starts, stops, binds.
        Info = "info",
        /// Details for a search.
        Debug = "debug",
    }

    /// How a log line is written.
    LogFormat "\"json\" or \"text\"" {
        /// One JSON object a line.
        Json = "json",
        /// For reading at a terminal.
        Text = "text",
    }
}
