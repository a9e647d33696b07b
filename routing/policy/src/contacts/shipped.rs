//! The limits that come with the gateway (`config/data/frequency.json`), after published values of carriers.

use std::collections::BTreeMap;
use std::sync::Arc;

use veilgate_names::ObjectId;

use super::object::FrequencyLimit;
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Objects};

const SHIPPED: &[u8] = include_bytes!("../../../../config/data/frequency.json");

impl FrequencyLimit {
    /// The limits that come with the gateway, by name.
    ///
    /// # Errors
    /// [`Mistake`] only if this build's own file is wrong, which a test excludes.
    pub fn shipped() -> Result<Vec<(ObjectId, Self)>, Mistake> {
        let file: BTreeMap<String, Self> =
            serde_json::from_slice(SHIPPED).map_err(|error| of_file(&error))?;
        let named = file.into_iter().map(|(name, limit)| {
            let id = ObjectId::parse(&name).map_err(|error| of_file(&error))?;
            limit.check(&id)?;
            Ok((id, limit))
        });
        named.collect()
    }

    /// Puts the shipped limits among the objects, except where an object of that name is: staff change a limit that came
    /// with the gateway by an object of its name, and switch it off by one that is not enabled.
    ///
    /// # Errors
    /// As [`Self::shipped`].
    pub fn lay_shipped(objects: &mut Objects) -> Result<(), Mistake> {
        for (id, limit) in Self::shipped()? {
            if objects.frequency_limits.find(&id).is_none() {
                objects.frequency_limits.put(id, Arc::new(limit));
            }
        }
        Ok(())
    }
}

fn of_file(error: &dyn std::fmt::Display) -> Mistake {
    Mistake { kind: Kind::FrequencyLimit, id: None, field: String::new(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_right_and_gives_way_to_what_staff_wrote() {
        let shipped = FrequencyLimit::shipped().unwrap();
        let names: Vec<_> = shipped.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            names,
            [
                "all-senders",
                "calls-per-enterprise",
                "marketing-per-enterprise",
                "marketing-per-template",
                "notice-per-template",
                "same-content",
                "verification-all-senders",
                "verification-per-signature",
            ]
        );
        let mut objects = Objects::default();
        let (id, limit) = shipped.first().cloned().unwrap();
        let own = Arc::new(FrequencyLimit { enabled: false, ..limit });
        objects.frequency_limits.put(id.clone(), Arc::clone(&own));
        FrequencyLimit::lay_shipped(&mut objects).unwrap();
        assert_eq!(objects.frequency_limits.len(), shipped.len());
        assert_eq!(objects.frequency_limits.find(&id), Some(&own));
    }
}
