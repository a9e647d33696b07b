//! What is written down when staff ask what rules say of a message, or decide what a rule left to them.

use veilgate_names::{AuthorizationId, EnterpriseId, MessageId};

use super::JsonLine;

/// What staff did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesAct {
    /// They asked what the rules say of a message that waits, or that could come from an enterprise, under an authorization.
    Explained {
        /// The message that waits.
        message: Option<MessageId>,
        /// Whose message it would be.
        enterprise: Option<EnterpriseId>,
        /// Under which authorization it would come.
        authorization: Option<AuthorizationId>,
    },
    /// They let this message pass, which a word list held.
    Passed(MessageId),
    /// They refused such a message.
    Refused(MessageId),
}

impl RulesAct {
    /// The type of the record.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Explained { .. } => "policy_explained",
            Self::Passed(_) => "review_passed",
            Self::Refused(_) => "review_refused",
        }
    }

    pub(super) fn write_fields(&self, line: &mut JsonLine<'_>) {
        match self {
            Self::Passed(message) | Self::Refused(message) => line.text("message", &message.to_string()),
            Self::Explained { message, enterprise, authorization } => {
                if let Some(message) = message {
                    line.text("message", &message.to_string());
                }
                if let Some(enterprise) = enterprise {
                    line.text("enterprise", enterprise.as_str());
                }
                if let Some(authorization) = authorization {
                    line.text("authorization", authorization.as_str());
                }
            }
        }
    }
}
