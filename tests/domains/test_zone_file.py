"""The zone file of a domain, read by another implementation."""

import dns.rdatatype
import dns.zone

from domains.models import Domain
from domains.records import required
from domains.zone_file import zone_file
from tests.cast import Cast


def test_it_holds_every_record(cast: Cast) -> None:
    domain = Domain.objects.of(cast.account).get()
    wanted = required(domain)
    zone = dns.zone.from_text(zone_file(domain.name, wanted), relativize=False, check_origin=False)
    for record in wanted:
        (rdata,) = zone.find_rdataset(f"{record.host}.", record.type)
        if record.type == "TXT":
            assert b"".join(rdata.strings).decode() == record.value
            assert all(len(string) <= 255 for string in rdata.strings)
        else:
            assert rdata.to_text() == f"{record.value}."
    assert len(list(zone.iterate_rdatas())) == len(wanted)
