//! Where a number is at home and which operator it has, as places in a list of names: coarse enough to leave identity.

use std::collections::HashMap;

/// Province, city and operator of a number, by their places in a [`Gazetteer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The province, [`Gazetteer::province`].
    pub province: u8,
    /// The city, [`Gazetteer::city`].
    pub city: u16,
    /// The operator that serves the number now, portability included, [`Gazetteer::operator`].
    pub operator: u8,
}

/// The names that places stand for. Names are only ever added, so a place keeps its meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gazetteer {
    provinces: Vec<Box<str>>,
    /// Each with its province: some cities share a name.
    cities: Vec<(u8, Box<str>)>,
    operators: Vec<Box<str>>,
    cities_by_name: HashMap<(u8, Box<str>), u16>,
}

impl Gazetteer {
    /// The place of these names, which are added if they are new. `None` when there is no room for another name: 256
    /// provinces and operators, 65,536 cities.
    pub fn add(&mut self, province: &str, city: &str, operator: &str) -> Option<Place> {
        let operator = self.add_operator(operator)?;
        let (province, city) = self.add_city(province, city)?;
        Some(Place { province, city, operator })
    }

    /// A province and a city in it, added if they are new; `None` as for [`Self::add`].
    pub fn add_city(&mut self, province: &str, city: &str) -> Option<(u8, u16)> {
        let province = position(&mut self.provinces, province)?;
        if let Some(known) = self.find_city(province, city) {
            return Some((province, known));
        }
        let next = u16::try_from(self.cities.len()).ok()?;
        self.cities.push((province, Box::from(city)));
        self.cities_by_name.insert((province, Box::from(city)), next);
        Some((province, next))
    }

    /// An operator, added if it is new; `None` as for [`Self::add`].
    pub fn add_operator(&mut self, operator: &str) -> Option<u8> {
        position(&mut self.operators, operator)
    }

    /// All cities in the order of their places, each with its province's name before its own.
    pub fn cities(&self) -> impl Iterator<Item = (&str, &str)> {
        let province = |of: &u8| self.provinces.get(usize::from(*of)).map_or("", |name| &**name);
        self.cities.iter().map(move |(of, name)| (province(of), &**name))
    }

    /// All operators, in the order of their places.
    pub fn operators(&self) -> impl Iterator<Item = &str> {
        self.operators.iter().map(|name| &**name)
    }

    /// The name of a province.
    #[must_use]
    pub fn province(&self, place: Place) -> &str {
        self.provinces.get(usize::from(place.province)).map_or("", |name| name)
    }

    /// The name of a city.
    #[must_use]
    pub fn city(&self, place: Place) -> &str {
        self.cities.get(usize::from(place.city)).map_or("", |(_, name)| name)
    }

    /// The name of an operator.
    #[must_use]
    pub fn operator(&self, place: Place) -> &str {
        self.operators.get(usize::from(place.operator)).map_or("", |name| name)
    }

    /// The province of this name.
    #[must_use]
    pub fn find_province(&self, name: &str) -> Option<u8> {
        find(&self.provinces, name)
    }

    /// The city of this name in a province.
    #[must_use]
    pub fn find_city(&self, province: u8, name: &str) -> Option<u16> {
        self.cities_by_name.get(&(province, Box::from(name))).copied()
    }

    /// The operator of this name.
    #[must_use]
    pub fn find_operator(&self, name: &str) -> Option<u8> {
        find(&self.operators, name)
    }
}

fn position(names: &mut Vec<Box<str>>, name: &str) -> Option<u8> {
    if let Some(place) = find(names, name) {
        return Some(place);
    }
    let place = u8::try_from(names.len()).ok()?;
    names.push(Box::from(name));
    Some(place)
}

fn find(names: &[Box<str>], name: &str) -> Option<u8> {
    names.iter().position(|held| **held == *name).and_then(|place| u8::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_names() {
        let mut gazetteer = Gazetteer::default();
        let jinan = gazetteer.add("山东", "济南", "联通").unwrap();
        let other = gazetteer.add("吉林", "吉林", "移动").unwrap();
        assert_eq!(gazetteer.add("山东", "济南", "联通"), Some(jinan));
        assert_eq!((gazetteer.province(jinan), gazetteer.city(other)), ("山东", "吉林"));
        assert_eq!(gazetteer.operator(other), "移动");
        assert_eq!(gazetteer.find_city(jinan.province, "济南"), Some(jinan.city));
        assert_eq!(gazetteer.find_city(other.province, "济南"), None);
        assert_eq!(gazetteer.find_province("四川"), None);
        assert_eq!(gazetteer.add_city("山东", "青岛"), Some((jinan.province, 2)));
        let cities: Vec<_> = gazetteer.cities().collect();
        assert_eq!(cities, [("山东", "济南"), ("吉林", "吉林"), ("山东", "青岛")]);
        assert_eq!(gazetteer.operators().collect::<Vec<_>>(), ["联通", "移动"]);
    }
}
