"""Reports as receivers send them, for tests to spoil."""

import gzip
import io
import zipfile

BEGIN, END = 1_764_028_800, 1_764_115_199  # 25 November 2025, UTC


def record(
    ip: str = "127.0.0.10",
    count: int | str = 12,
    *,
    dkim: str = "pass",
    spf: str = "pass",
    disposition: str = "none",
    header_from: str = "shop.example",
) -> str:
    return f"""
 <record><row><source_ip>{ip}</source_ip><count>{count}</count>
  <policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>
  </policy_evaluated></row>
  <identifiers><header_from>{header_from}</header_from></identifiers>
  <auth_results>
   <dkim><domain>other.example</domain><selector>s</selector><result>fail</result></dkim>
   <dkim><domain>{header_from}</domain><selector>p1r1</selector><result>{dkim}</result></dkim>
   <spf><domain>b1.{header_from}</domain><scope>mfrom</scope><result>{spf}</result></spf>
  </auth_results></record>"""


def dmarc_xml(
    *records: str,
    domain: str = "shop.example",
    report_id: str = "r-1",
    begin: object = BEGIN,
    end: object = END,
    namespace: str = "",
    head: str = '<?xml version="1.0" encoding="UTF-8" ?>\n',
) -> bytes:
    return f"""{head}<feedback{namespace}><version>1.0</version>
 <report_metadata><org_name>Big Mail &amp; Co</org_name><email>noreply@big.test</email>
  <report_id>{report_id}</report_id>
  <date_range><begin>{begin}</begin><end>{end}</end></date_range></report_metadata>
 <policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>
  <pct>100</pct></policy_published>{"".join(records or (record(),))}
</feedback>""".encode()


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data)


def tls_json(**changed: object) -> dict[str, object]:
    return {
        "organization-name": "Big Mail",
        "date-range": {
            "start-datetime": "2025-11-25T00:00:00Z",
            "end-datetime": "2025-11-25T23:59:59Z",
        },
        "contact-info": "tls@big.test",
        "report-id": "2025-11-25T00:00:00Z_shop.example",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": ["version: STSv1", "mode: testing"],
                    "policy-domain": "shop.example",
                    "mx-host": ["*.mail.shop.example"],
                },
                "summary": {
                    "total-successful-session-count": 5326,
                    "total-failure-session-count": 303,
                },
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "2001:db8::1",
                        "receiving-mx-hostname": "mx1.shop.example",
                        "failed-session-count": 100,
                    }
                ],
            }
        ],
        **changed,
    }
