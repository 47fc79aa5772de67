"""The names of personal data that a scan finds, a mask hides and generation makes up."""

from enum import StrEnum


class Entity(StrEnum):
    """A kind of personal data that a column may hold."""

    EMAIL = "email"
    SSN = "ssn"
    CREDIT_CARD = "credit_card"
    PHONE = "phone"
    IP_ADDRESS = "ip_address"
    UUID = "uuid"
    IBAN = "iban"
    URL = "url"
    PASSPORT = "passport"
    DRIVER_LICENCE = "driver_licence"
    ACCOUNT_NUMBER = "account_number"
    RECORD_ID = "record_id"
    USERNAME = "username"
    PERSON_NAME = "person_name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    STREET_ADDRESS = "street_address"
    BIRTH_DATE = "birth_date"
    DEATH_DATE = "death_date"
    BIRTH_PLACE = "birth_place"
    POSTCODE = "postcode"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"
    CITY = "city"
    COUNTY = "county"
    STATE = "state"
    COUNTRY = "country"

    @property
    def is_direct(self) -> bool:
        """Whether one value points at one person: such values are made up, never learned.

        The others are quasi-identifiers: they point at somebody only together, so they are flagged and
        modelled under differential privacy like any other column.
        """
        return self not in QUASI_IDENTIFIERS


QUASI_IDENTIFIERS = frozenset(
    {
        Entity.BIRTH_DATE,
        Entity.DEATH_DATE,
        Entity.BIRTH_PLACE,
        Entity.POSTCODE,
        Entity.LATITUDE,
        Entity.LONGITUDE,
        Entity.CITY,
        Entity.COUNTY,
        Entity.STATE,
        Entity.COUNTRY,
    }
)
DIRECT_IDENTIFIERS = frozenset(Entity) - QUASI_IDENTIFIERS
ENTITY_NAMES = tuple(entity.value for entity in Entity)
