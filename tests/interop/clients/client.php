<?php
// A third party in PHP: SoapClient made from the WSDL that the node serves. What it sends comes from the
// environment and from standard input (see ../README.md); it prints the text of ResponseMsg, or the fault.

error_reporting(E_ALL);
set_error_handler(function (int $level, string $message): bool {
    throw new ErrorException($message, 0, $level);
});

const HEADER = 'http://www.huawei.com.cn/schema/common/v2_1';

function environment(string $name): string
{
    $value = getenv("INTEROP_$name");
    if ($value === false) {
        throw new RuntimeException("INTEROP_$name is not set");
    }
    return $value;
}

$context = stream_context_create(['ssl' => [
    'local_cert' => environment('CERTIFICATE'),
    'local_pk' => environment('KEY'),
    'cafile' => environment('CA'),
    'peer_name' => 'localhost',
]]);
$options = ['stream_context' => $context, 'cache_wsdl' => WSDL_CACHE_NONE];
$variant = getenv('INTEROP_VARIANT') ?: '';
if (in_array($variant, ['soap12', 'must-understand-soap12'], true)) {
    $options['soap_version'] = SOAP_1_2;
}
if ($variant === 'gzip') {
    $options['compression'] = SOAP_COMPRESSION_ACCEPT | SOAP_COMPRESSION_GZIP | 6;
}

try {
    $client = new SoapClient(environment('WSDL'), $options);
    $headers = [new SoapHeader(HEADER, 'RequestSOAPHeader', [
        'spId' => environment('SP_ID'),
        'spPassword' => environment('SP_PASSWORD'),
        'serviceId' => environment('SERVICE_ID'),
        'timeStamp' => environment('TIME_STAMP'),
    ])];
    if (in_array($variant, ['must-understand', 'must-understand-soap12'], true)) {
        $headers[] = new SoapHeader('urn:example:routing', 'Route', 'somewhere', true);
    }
    $client->__setSoapHeaders($headers);
    echo $client->GenericAPIRequest(stream_get_contents(STDIN));
} catch (SoapFault $fault) {
    echo "fault {$fault->faultcode}: {$fault->faultstring}";
    exit(3);
}
