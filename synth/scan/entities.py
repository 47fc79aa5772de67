"""The catalogue: by which value classes and which words in a column's name each entity is known."""

import re
from dataclasses import dataclass

from synth.core.entity import Entity
from synth.core.schema import Kind
from synth.scan import spellings
from synth.scan.spellings import CALENDARS, CARDS, LENGTHS, PHONES, VALUE_CLASSES, ZERO_PADDED

_DATES = tuple(name for name in VALUE_CLASSES if name.startswith("date_"))
_TIMESTAMPS = tuple(name for name in VALUE_CLASSES if name.startswith("timestamp_"))
_INTEGER = (*LENGTHS, "integer_long", *spellings.SIGNED, "month_compact")
_REALS = (*spellings.FRACTIONS, "real_whole", "number_grouped", *spellings.AMOUNTS["0"], *_INTEGER)
_DIGITS = (*spellings.DIGITS, *CALENDARS, *ZERO_PADDED)
_INITIALS = tuple(name for name in spellings.LETTER if name[-1] not in "YNTFyntf")
"""Initials are names; a lone Y or N answers a question."""
_NAMES = ("full_name", "person_name", "words", *_INITIALS)
_CODES = (*spellings.CODES, "digits_and_marks", *_DIGITS)
_PLACES = (*_NAMES, *spellings.CODES, "mixed_text", "other_text", "long_text")

# A name such as `has_email` or `phone_verified` speaks of the column beside it.
_ABOUT_ANOTHER = frozenset(
    {"has", "is", "flag", "type", "count", "num", "verified", "status", "valid", "optin"}
)


@dataclass(frozen=True, kw_only=True)
class EntitySpec:
    """How one entity is recognised.

    Attributes:
      entity: which one.
      telling: value classes that speak for it whatever the column is called.
      possible: further classes that its values fall into, believed only where the name says so too.
      checked: the telling classes whose checksum or number rules hold.
      within: what the name contains, as run-together words: `birthdate` is in `patient_birth_date`.
      whole: names that say so only as a whole, such as `first`.
      kind: how its values are made up if it is a direct identifier; ignored otherwise.
    """

    entity: Entity
    telling: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    kind: Kind = Kind.ID

    def is_named(self, words: tuple[str, ...]) -> bool:
        """Whether the words of a column's name say that it holds this entity."""
        if _ABOUT_ANOTHER & set(words):
            return False
        return "".join(words) in (*self.whole, *self.within) or bool(_runs(words) & set(self.within))


CATALOGUE: tuple[EntitySpec, ...] = (
    EntitySpec(
        entity=Entity.EMAIL,
        telling=("email",),
        within=("email", "mailaddress"),
        whole=("mail",),
    ),
    EntitySpec(
        entity=Entity.SSN,
        telling=("ssn_valid", "ssn_like"),
        possible=("digits_9", *ZERO_PADDED, *_INTEGER, *spellings.CODES),
        checked=("ssn_valid",),
        within=("ssn", "socialsecurity", "nationalid", "nationalinsurance", "taxid", "nino"),
        whole=("sin", "tin"),
    ),
    EntitySpec(
        entity=Entity.CREDIT_CARD,
        telling=("card_valid", *CARDS, "card_like"),
        possible=(*spellings.DIGITS[4:], "epoch_ms", "epoch_us", "timestamp_compact"),
        checked=("card_valid", *CARDS),
        within=("creditcard", "debitcard", "cardnumber", "cardno", "cardnum", "ccnumber", "ccnum", "ccno"),
        whole=("cc", "pan", "card"),
    ),
    EntitySpec(
        entity=Entity.PHONE,
        telling=("phone", *PHONES),
        possible=(*_DIGITS, *LENGTHS[6:], "digits_and_marks"),
        within=("phone", "telephone", "mobile", "cellphone", "fax", "msisdn"),
        whole=("tel", "cell"),
    ),
    EntitySpec(
        entity=Entity.IP_ADDRESS,
        telling=("ip_address",),
        within=("ip", "ipaddress", "ipaddr", "ipv4", "ipv6"),
    ),
    EntitySpec(entity=Entity.UUID, telling=("uuid",), within=("uuid", "guid")),
    EntitySpec(
        entity=Entity.IBAN,
        telling=("iban_valid",),
        possible=("iban_like",),
        checked=("iban_valid",),
        within=("iban",),
    ),
    EntitySpec(
        entity=Entity.URL,
        telling=("url",),
        within=("url", "homepage", "website"),
        whole=("link",),
    ),
    EntitySpec(
        entity=Entity.PASSPORT,
        possible=(*_CODES, *_INTEGER, "iban_like"),
        within=("passport",),
    ),
    EntitySpec(
        entity=Entity.DRIVER_LICENCE,
        possible=(*_CODES, *_INTEGER, "mixed_text"),
        within=(
            "driverlicence",
            "driverlicense",
            "driverslicence",
            "driverslicense",
            "drivinglicence",
            "drivinglicense",
            "licenceno",
            "licenseno",
            "licencenumber",
            "licensenumber",
        ),
        whole=("drivers", "driver", "dl", "licence", "license"),
    ),
    EntitySpec(
        entity=Entity.ACCOUNT_NUMBER,
        possible=(*_CODES, *_INTEGER, "iban_like", "iban_valid", "card_valid"),
        within=(
            "accountnumber",
            "accountno",
            "accountnum",
            "acctnumber",
            "acctno",
            "acctnum",
            "bankaccount",
            "policynumber",
            "insurancenumber",
            "membernumber",
            "memberno",
        ),
    ),
    EntitySpec(
        entity=Entity.RECORD_ID,
        possible=(*_CODES, *_INTEGER, "person_name", "words", "card_valid", "uuid"),
        within=(
            "patientid",
            "customerid",
            "clientid",
            "personid",
            "userid",
            "memberid",
            "subjectid",
            "accountid",
            "acctid",
            "employeeid",
            "studentid",
            "encounterid",
            "transactionid",
            "orderid",
            "recordid",
            "rowid",
            "mrn",
            "medicalrecordnumber",
            "medicalrecordno",
            "nhsnumber",
            "deviceid",
            "sessionid",
        ),
        whole=("id", "key", "pk", "identifier", "patient", "customer", "encounter"),
    ),
    EntitySpec(
        entity=Entity.USERNAME,
        possible=(*spellings.CODES, "person_name", "full_name", "words", "email"),
        within=("username", "loginname", "screenname", "nickname"),
        whole=("login", "user"),
    ),
    EntitySpec(
        entity=Entity.PERSON_NAME,
        telling=("full_name",),
        possible=("person_name", "words"),
        within=(
            "fullname",
            "patientname",
            "customername",
            "clientname",
            "personname",
            "employeename",
            "contactname",
            "membername",
            "doctorname",
            "physicianname",
            "cardholder",
            "holdername",
            "studentname",
            "passengername",
            "legalname",
            "nameofpatient",
            "nameofcustomer",
        ),
        whole=("name", "person", "employee", "passenger"),
        kind=Kind.TEXT,
    ),
    EntitySpec(
        entity=Entity.FIRST_NAME,
        possible=_NAMES,
        within=("firstname", "forename", "givenname", "middlename", "fname"),
        whole=("first", "middle", "given"),
        kind=Kind.TEXT,
    ),
    EntitySpec(
        entity=Entity.LAST_NAME,
        possible=_NAMES,
        within=("lastname", "surname", "familyname", "maidenname", "lname", "secondname"),
        whole=("last", "maiden", "family"),
        kind=Kind.TEXT,
    ),
    EntitySpec(
        entity=Entity.STREET_ADDRESS,
        telling=("street_address",),
        possible=("number_and_words", "mixed_text", "long_text"),
        within=("address", "street", "addr", "addressline"),
        kind=Kind.TEXT,
    ),
    EntitySpec(
        entity=Entity.BIRTH_DATE,
        possible=(*_DATES, *_TIMESTAMPS),
        within=("birthdate", "birthday", "dateofbirth", "dob", "birthdt", "borndate"),
        whole=("born", "birth"),
    ),
    EntitySpec(
        entity=Entity.DEATH_DATE,
        possible=(*_DATES, *_TIMESTAMPS),
        within=("deathdate", "dateofdeath", "dod", "deathdt", "deceaseddate"),
        whole=("died", "deceased", "death"),
    ),
    EntitySpec(
        entity=Entity.BIRTH_PLACE,
        possible=_PLACES,
        within=("birthplace", "placeofbirth", "birthcity", "cityofbirth"),
    ),
    EntitySpec(
        entity=Entity.POSTCODE,
        possible=(*_INTEGER, *_CODES, "mixed_text", "phone", *PHONES, "person_name"),
        within=("zip", "zipcode", "postcode", "postalcode", "postal", "plz"),
    ),
    EntitySpec(entity=Entity.LATITUDE, possible=(*_REALS, "digits_and_marks"), within=("lat", "latitude")),
    EntitySpec(
        entity=Entity.LONGITUDE,
        possible=(*_REALS, "digits_and_marks"),
        within=("lon", "lng", "longitude"),
        whole=("long",),
    ),
    EntitySpec(entity=Entity.CITY, possible=_PLACES, within=("city", "town", "municipality")),
    EntitySpec(entity=Entity.COUNTY, possible=(*_PLACES, *_INTEGER), within=("county",)),
    EntitySpec(
        entity=Entity.STATE,
        possible=(*_PLACES, *_INTEGER),
        within=("homestate", "statecode", "statename", "addressstate", "usstate", "province"),
        whole=("state",),
    ),
    EntitySpec(entity=Entity.COUNTRY, possible=_PLACES, within=("country", "nationality", "citizenship")),
)


def name_words(name: str) -> tuple[str, ...]:
    """The words of a column's name in lower case: `dateOfBirth` and `DATE_OF_BIRTH` agree."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return tuple(word.lower() for word in re.findall(r"[^\W\d_]+|\d+", parted))


def _runs(words: tuple[str, ...]) -> set[str]:
    """Every run of neighbouring words, run together."""
    return {
        "".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)
    }
