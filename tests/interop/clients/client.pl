#!/usr/bin/env perl
# A third party in Perl: SOAP::Lite. What it sends comes from the environment and from standard input
# (see ../README.md); it prints the text of ResponseMsg, or the fault. The WSDL that the node serves says
# where to send it.
use strict;
use warnings;

use SOAP::Lite;

my $REQUEST = 'http://api-v1.gen.mm.vodafone.com/mminterface/request';
my $HEADER = 'http://www.huawei.com.cn/schema/common/v2_1';

sub environment {
    my ($name) = @_;
    return $ENV{"INTEROP_$name"} // die "INTEROP_$name is not set\n";
}

my %tls = (
    SSL_cert_file => environment('CERTIFICATE'),
    SSL_key_file => environment('KEY'),
    SSL_ca_file => environment('CA'),
    verify_hostname => 1,
);

# SOAP::Schema reads the WSDL: services, their ports, and of each operation where it is served.
my $schema = SOAP::Schema->new(schema_url => environment('WSDL'));
$schema->useragent->ssl_opts(%tls);
my $services = $schema->parse->services;
my $operation = $services->{RequestMgrService}{GenericAPIRequest} // die "the WSDL has no GenericAPIRequest\n";
my $endpoint = $operation->{endpoint}->value;

binmode STDIN, ':encoding(UTF-8)';
binmode STDOUT, ':encoding(UTF-8)';
my $document = do { local $/; <STDIN> };
my $soap = SOAP::Lite->proxy($endpoint, ssl_opts => \%tls, timeout => 20);
$soap->on_action(sub { '""' });
$soap->serializer->register_ns($REQUEST, 'req');
my @fields = map { SOAP::Data->name("head:$$_[0]")->value(environment($$_[1]))->type('string') }
    (['spId', 'SP_ID'], ['spPassword', 'SP_PASSWORD'], ['serviceId', 'SERVICE_ID'], ['timeStamp', 'TIME_STAMP']);
my $header = SOAP::Header->name('head:RequestSOAPHeader')->attr({ 'xmlns:head' => $HEADER })
    ->value(\SOAP::Data->value(@fields));

# Document/literal: the body's element holds the text itself, which SOAP::Lite can only be told as markup.
my $message = SOAP::Data->type(xml => "<![CDATA[$document]]>");
my $answer = $soap->call(SOAP::Data->name('req:RequestMsg'), $message, $header);
if ($answer->fault) {
    print 'fault ', $answer->faultcode, ': ', $answer->faultstring;
    exit 3;
}
print $answer->valueof('//Body/ResponseMsg');
