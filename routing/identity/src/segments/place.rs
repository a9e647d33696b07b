//! What is told of a number to the rules: where it is at home, which millions share.

use veilgate_names::Place;

use crate::subscriber::Contact;

impl Contact {
    /// Where the number is at home, and which operator serves it now; `None` if the tables do not know. Its names are in
    /// [`Identity::gazetteer`](crate::Identity::gazetteer).
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.place
    }
}
