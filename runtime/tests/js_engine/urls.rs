//! `URL` and `URLSearchParams`. What is expected is what Node.js says.

use crate::value;

#[test]
fn urls_are_what_they_are_elsewhere() {
    let cases = [
        (
            r##"(u => [u.href, u.origin, u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash])(new URL('https://Ada:pa%20ss@EXAMPLE.com:8080/a/../b c?x=1&y=ä#frag'))"##,
            r##"["https://Ada:pa%20ss@example.com:8080/b%20c?x=1&y=%C3%A4#frag", "https://example.com:8080", "https:", "Ada", "pa%20ss", "example.com:8080", "example.com", "8080", "/b%20c", "?x=1&y=%C3%A4", "#frag"]"##,
        ),
        (r##"new URL('../c?d', 'http://a/b/x/y').href"##, r##""http://a/b/c?d""##),
        (r##"`${new URL('http://bücher.example:80/')}`"##, r##""http://xn--bcher-kva.example/""##),
        (r##"JSON.stringify(new URL('http://[::1]/'))"##, r##""\"http://[::1]/\"""##),
        (
            r##"[URL.canParse('no url'), URL.canParse('/x', 'http://a'), URL.parse('no url'), URL.parse('/x', 'http://a').href]"##,
            r##"[false, true, null, "http://a/x"]"##,
        ),
        (
            r##"Object.prototype.toString.call(new URL('a:b')) + Object.prototype.toString.call(new URLSearchParams())"##,
            r##""[object URL][object URLSearchParams]""##,
        ),
        (
            r##"(u => { u.search = '?a=1'; u.hash = 'h'; u.port = '81'; u.protocol = 'https'; u.host = 'b:82'; u.pathname = '/p q'; u.username = 'me'; u.password = 'x'; return u.href })(new URL('http://a/'))"##,
            r##""https://me:x@b:82/p%20q?a=1#h""##,
        ),
        (
            r##"(u => { u.port = 'nonsense'; u.protocol = 'mailto'; u.host = ''; return u.href })(new URL('http://a:5/'))"##,
            r##""http://a:5/""##,
        ),
        (
            r##"(u => { u.href = 'ftp://z/q?s=1'; return [u.href, u.searchParams.get('s')] })(new URL('http://a/'))"##,
            r##"["ftp://z/q?s=1", "1"]"##,
        ),
        (
            r##"(u => { const p = u.searchParams; u.href = 'ftp://z/q?s=1'; u.search = 's=2'; return [p.get('s'), p === u.searchParams] })(new URL('http://a/'))"##,
            r##"["2", true]"##,
        ),
        (
            r##"(u => { u.searchParams.append('k', 'v w'); u.searchParams.set('a', 'é'); return u.href })(new URL('http://a/?a=1&a=2&b'))"##,
            r##""http://a/?a=%C3%A9&b=&k=v+w""##,
        ),
        (
            r##"(u => { u.searchParams.delete('a'); return [u.href, u.search] })(new URL('http://a/?a=1'))"##,
            r##"["http://a/", ""]"##,
        ),
        (
            r##"[...new URLSearchParams('?a=1&b=%20+x&a=2&=e&f')]"##,
            r##"[["a", "1"], ["b", "  x"], ["a", "2"], ["", "e"], ["f", ""]]"##,
        ),
        (
            r##"(p => [p.size, p.get('a'), p.get('z'), p.getAll('a'), p.has('a'), p.has('a', '3'), p.has('a', '2')])(new URLSearchParams('a=1&a=2'))"##,
            r##"[2, "1", null, ["1", "2"], true, false, true]"##,
        ),
        (
            r##"(p => { p.delete('a', '1'); return `${p}` })(new URLSearchParams('a=1&a=2&b=1'))"##,
            r##""a=2&b=1""##,
        ),
        (
            r##"(p => { p.set('a', 9); p.set('c', null); return `${p}` })(new URLSearchParams('a=1&b=1&a=2'))"##,
            r##""a=9&b=1&c=null""##,
        ),
        (
            r##"(p => { p.sort(); return `${p}` })(new URLSearchParams('z=1&a=2&z=0&b=\ud83d'))"##,
            r##""a=2&b=%EF%BF%BD&z=1&z=0""##,
        ),
        (
            r##"`${new URLSearchParams([['a', 1], ['b', true]])} ${new URLSearchParams({ x: 1, y: [1, 2] })} ${new URLSearchParams(new URLSearchParams('q=1'))}`"##,
            r##""a=1&b=true x=1&y=1%2C2 q=1""##,
        ),
        (
            r##"[[...new URLSearchParams('a=1&b=2').keys()], [...new URLSearchParams('a=1&b=2').values()], [...new URLSearchParams('a=1&b=2').entries()]]"##,
            r##"[["a", "b"], ["1", "2"], [["a", "1"], ["b", "2"]]]"##,
        ),
        (
            r##"(log => { new URLSearchParams('a=1&b=2').forEach((value, name) => log.push(name + value)); return log })([])"##,
            r##"["a1", "b2"]"##,
        ),
        (
            r##"new URLSearchParams({ 'a&b': '=?#~*-._ \n' }).toString()"##,
            r##""a%26b=%3D%3F%23%7E*-._+%0A""##,
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn what_is_no_url() {
    for expression in [
        "new URL('no url')",
        "new URL()",
        "new URL('/x', 'no base')",
        "(u => { u.href = 'nonsense' })(new URL('a:b'))",
        "(u => { u.origin = 'x' })(new URL('a:b'))",
        "new URLSearchParams([['a']])",
        "new URLSearchParams([['a', 'b', 'c']])",
        "URL('a:b')",
        "URL.prototype.href",
        "URL.prototype.searchParams",
    ] {
        let text = value(expression);
        assert!(text.starts_with("threw TypeError: "), "{expression}: {text}");
    }
    assert_eq!(value("new URL('no url')"), "threw TypeError: `no url` is not a valid URL");
}
