//! A contact as it is written down: a record of its own, which needs no other and no order, and goes when no limit counts
//! it any more.
//!
//! ```text
//! key    message id u64
//! value  1 u8 | person 16 octets | time u48 | service * 4 + category u8
//!        | marks of enterprise, signature, template, text u32 each, 0: none       (big-endian)
//! ```

use veilgate_names::{Category, MessageId, Service, SubscriberKey};

use super::log::{Entry, Sender, time};

/// Octets of a value.
const OCTETS: usize = 40;
const VERSION: u8 = 1;

/// What the store is to hold of a contact: to be written with the message it belongs to, or deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContactRecord {
    /// The message's id, as other spaces have it.
    pub key: [u8; 8],
    /// What to write; `None`: delete what is there.
    pub value: Option<[u8; OCTETS]>,
}

/// A record that is not one of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the record of a contact")]
pub struct DamagedContact;

impl ContactRecord {
    /// Whether this reads back.
    ///
    /// # Errors
    /// [`DamagedContact`] if not.
    pub fn check(key: &[u8], value: &[u8]) -> Result<(), DamagedContact> {
        read(key, value).map(|_| ())
    }

    pub(super) fn deletion(id: MessageId) -> Self {
        Self { key: id.0.to_be_bytes(), value: None }
    }

    pub(super) fn of(person: SubscriberKey, entry: &Entry) -> Self {
        let sender = &entry.sender;
        let mut value = [0; OCTETS];
        let fields: [&[u8]; 8] = [
            &[VERSION],
            &person.0,
            &time(entry.at),
            &[service_digit(sender.service) * 4 + category_digit(sender.category)],
            &sender.enterprise.to_be_bytes(),
            &sender.signature.to_be_bytes(),
            &sender.template.to_be_bytes(),
            &entry.text.to_be_bytes(),
        ];
        for (slot, octet) in value.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *octet;
        }
        Self { key: entry.id.0.to_be_bytes(), value: Some(value) }
    }
}

impl std::fmt::Debug for ContactRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.value.is_some() { "write" } else { "delete" };
        write!(f, "ContactRecord({what} {})", MessageId(u64::from_be_bytes(self.key)))
    }
}

pub(super) fn read(key: &[u8], value: &[u8]) -> Result<(SubscriberKey, Entry), DamagedContact> {
    let id = MessageId(u64::from_be_bytes(key.try_into().map_err(|_| DamagedContact)?));
    let mut rest = Fields(value);
    let [version] = rest.take()?;
    let person = SubscriberKey(rest.take()?);
    let [a, b, c, d, e, f] = rest.take()?;
    let [kind] = rest.take()?;
    let service = Service::ALL.into_iter().find(|service| service_digit(*service) == kind >> 2);
    let category = Category::ALL.into_iter().find(|category| category_digit(*category) == kind & 3);
    let sender = Sender {
        enterprise: u32::from_be_bytes(rest.take()?),
        signature: u32::from_be_bytes(rest.take()?),
        template: u32::from_be_bytes(rest.take()?),
        category: category.ok_or(DamagedContact)?,
        service: service.ok_or(DamagedContact)?,
    };
    let text = u32::from_be_bytes(rest.take()?);
    if version != VERSION || !rest.0.is_empty() {
        return Err(DamagedContact);
    }
    Ok((person, Entry { id, at: i64::from_be_bytes([0, 0, a, b, c, d, e, f]), text, sender }))
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DamagedContact> {
        let (field, rest) = self.0.split_first_chunk().ok_or(DamagedContact)?;
        self.0 = rest;
        Ok(*field)
    }
}

fn service_digit(service: Service) -> u8 {
    match service {
        Service::Sms => 0,
        Service::Voice => 1,
    }
}

fn category_digit(category: Category) -> u8 {
    match category {
        Category::Verification => 0,
        Category::Notice => 1,
        Category::Marketing => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let person = SubscriberKey([7; 16]);
        for service in Service::ALL {
            for category in Category::ALL {
                let sender = Sender { enterprise: 1, signature: u32::MAX, template: 0, category, service };
                let entry = Entry { id: MessageId(9 << 40), at: 1_790_000_000_123, text: 5, sender };
                let record = ContactRecord::of(person, &entry);
                let value = record.value.unwrap();
                assert_eq!(read(&record.key, &value), Ok((person, entry)));
                assert_eq!(ContactRecord::check(&record.key, &value[1..]), Err(DamagedContact));
                assert_eq!(ContactRecord::check(&record.key[1..], &value), Err(DamagedContact));
                for (place, wrong) in [(0, 2), (23, 3), (23, 8)] {
                    let mut bent = value;
                    bent[place] = wrong;
                    assert_eq!(ContactRecord::check(&record.key, &bent), Err(DamagedContact));
                }
                assert_eq!(
                    ContactRecord::check(&record.key, &[&value[..], &[0]].concat()),
                    Err(DamagedContact)
                );
            }
        }
        assert_eq!(
            format!("{:?}", ContactRecord::deletion(MessageId(1))),
            "ContactRecord(delete 0000000000000001)"
        );
    }
}
