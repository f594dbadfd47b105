"""Texts that try to be more than text where they are shown, and what a page must show of them."""

_RUN = "window.ran = 1"

SHOWN = {
    **{
        text: text
        for text in (
            f"<script>{_RUN}</script>",
            f'"><img src=x onerror="{_RUN}">',
            f"' onmouseover='{_RUN}' x='",
            f"</pre></style></title></svg><svg onload='{_RUN}'>",
            f"<iframe srcdoc='<script>parent.{_RUN}</script>'></iframe>",
            f"javascript:{_RUN}",
            "<!-- ]]> &lt;b&gt; &amp; &#60;",
            "{{ 7 * 7 }} {% raw %}",
            '=HYPERLINK("http://127.0.0.1:1/x")',
            "@SUM(1+1)*cmd|' /C calc'!A0",
        )
    },
    "a \u202egnp.exe \u2066b\u2069": r"a \u202egnp.exe \u2066b\u2069",
    "bell \x07 escape \x1b[31m delete \x7f next \x85": (
        r"bell \u0007 escape \u001b[31m delete \u007f next \u0085"
    ),
    "two\nlines or\tthree": "two lines or three",
}
ALL = " ".join(SHOWN)
