<?php
// A third party's server in PHP: SoapServer made from the WSDL files that the node serves, behind TLS
// that wants a client certificate. It writes one line of JSON for every call to standard output.
//
//     php receiver.php PORT FOLDER_OF_WSDL_FILES
//
// INTEROP_CERTIFICATE, INTEROP_KEY and INTEROP_CA name its certificate, its key and who signs callers'.

error_reporting(E_ALL);
ini_set('soap.wsdl_cache_enabled', '0');
set_error_handler(function (int $level, string $message): bool {
    throw new ErrorException($message, 0, $level);
});

const UNKNOWN_ACCOUNT = 'UNKNOWN';

/** What a call was, for the one who reads the output. */
final class Heard
{
    public static array $now = [];
}

/** GenericAPIResult: the text of ResultMsg comes in, that of ResponseMsg goes out. */
final class ResultReceiver
{
    public function GenericAPIResult(string $document): string
    {
        $result = simplexml_load_string($document);
        if ($result === false) {
            throw new SoapFault('Client', 'the result is no document');
        }
        Heard::$now += json_decode(json_encode($result), true);
        return '<?xml version="1.0" encoding="UTF-8"?>'
            . '<response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response">'
            . '<ResponseCode>00000000</ResponseCode><ResponseDesc>success</ResponseDesc></response>';
    }
}

/** notifyQueueTimeout: a request that was never executed comes back. */
final class TimeoutReceiver
{
    public function notifyQueueTimeout(object $notice): array
    {
        Heard::$now += ['OriginatorConversationID' => $notice->originatorConversationID];
        Heard::$now += ['OriginRequest' => $notice->originRequest];
        return ['result' => ['ResultCode' => '00000000', 'ResultDesc' => 'success']];
    }
}

/** Customers' payments: asked about first, then told of. */
final class PaymentReceiver
{
    public function ValidateC2BPayment(object $payment): array
    {
        Heard::$now += json_decode(json_encode($payment), true);
        if (($payment->BillRefNumber ?? '') === UNKNOWN_ACCOUNT) {
            return ['ResultCode' => 'C2B00012', 'ResultDesc' => 'Invalid Account number'];
        }
        return ['ResultCode' => '0', 'ResultDesc' => 'Service processing successful', 'ThirdPartyTransID' => 'php-1'];
    }

    public function ConfirmC2BPayment(object $payment): string
    {
        Heard::$now += json_decode(json_encode($payment), true);
        return "C2B Payment Transaction {$payment->TransID} result received.";
    }
}

/** The WSDL file and the class that serve a path. */
function service(string $path): ?array
{
    return match ($path) {
        '/result' => ['CBPInterface_Result.wsdl', ResultReceiver::class],
        '/timeout' => ['QueueTimeoutNotification.wsdl', TimeoutReceiver::class],
        '/validation', '/confirmation' =>
            ['CBPInterface_C2BPaymentValidationAndConfirmation.wsdl', PaymentReceiver::class],
        default => null,
    };
}

/** The start line's path, the headers and the body of one request; null if there is none. */
function read_request($connection): ?array
{
    $start = fgets($connection);
    if ($start === false) {
        return null;
    }
    $headers = [];
    while (($line = fgets($connection)) !== false && trim($line) !== '') {
        [$name, $value] = explode(':', $line, 2);
        $headers[strtolower($name)] = trim($value);
    }
    $length = (int) ($headers['content-length'] ?? 0);
    $body = $length > 0 ? stream_get_contents($connection, $length) : '';
    return [explode(' ', $start)[1] ?? '/', $headers, $body];
}

/** Has a SoapServer handle a body, in a process of its own: after a fault it ends its process, as it would
 *  end one of a web server's. Gives status, answer, and what the class heard. */
function answered(string $path, array $headers, string $body, string $folder): array
{
    $command = [PHP_BINARY, __FILE__, 'handle', $path, $folder];
    $environment = getenv() + ['HTTP_SOAPACTION' => $headers['soapaction'] ?? ''];
    $process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes, null, $environment);
    fwrite($pipes[0], $body);
    fclose($pipes[0]);
    [$answer, $heard] = [stream_get_contents($pipes[1]), stream_get_contents($pipes[2])];
    proc_close($process);
    return [str_contains($answer, ':Fault>') ? 500 : 200, $answer, json_decode($heard, true) ?? ['flaw' => $heard . $answer]];
}

/** The other process: the body is on standard input. */
function handle(string $path, string $folder): void
{
    [$wsdl, $class] = service($path) ?? throw new RuntimeException("nothing is served at $path");
    $_SERVER['HTTP_SOAPACTION'] = getenv('HTTP_SOAPACTION');
    $server = new SoapServer("$folder/$wsdl", ['cache_wsdl' => WSDL_CACHE_NONE]);
    $server->setClass($class);
    $server->handle(stream_get_contents(STDIN));
    fwrite(STDERR, json_encode(Heard::$now, JSON_THROW_ON_ERROR));
}

/** Answers callbacks one after the other. */
function serve(string $port, string $folder): void
{
    $context = stream_context_create(['ssl' => [
        'local_cert' => getenv('INTEROP_CERTIFICATE'),
        'local_pk' => getenv('INTEROP_KEY'),
        'cafile' => getenv('INTEROP_CA'),
        'verify_peer' => true,
        'verify_peer_name' => false,
    ]]);
    $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
    $socket = stream_socket_server("tcp://127.0.0.1:$port", $errno, $error, $flags, $context);
    tell(['ready' => true]);
    while (true) {
        try {
            $connection = stream_socket_accept($socket, 3600);
            stream_set_timeout($connection, 10);
            stream_socket_enable_crypto($connection, true, STREAM_CRYPTO_METHOD_TLS_SERVER);
            [$path, $headers, $body] = read_request($connection) ?? throw new RuntimeException('no request came');
            [$status, $answer, $heard] = answered($path, $headers, $body, $folder);
            $head = "HTTP/1.1 $status " . ($status === 200 ? 'OK' : 'Internal Server Error') . "\r\n"
                . "Content-Type: text/xml; charset=utf-8\r\nConnection: close\r\nContent-Length: " . strlen($answer);
            fwrite($connection, "$head\r\n\r\n$answer");
            fclose($connection);
            tell($heard + ['path' => $path, 'body' => $body, 'status' => $status, 'answer' => $answer]);
        } catch (Throwable $error) {
            tell(['flaw' => $error->getMessage()]);
        }
    }
}

/** Writes a line for the one who started this. */
function tell(array $what): void
{
    fwrite(STDOUT, json_encode($what, JSON_THROW_ON_ERROR) . "\n");
}

if ($argv[1] === 'handle') {
    handle($argv[2], $argv[3]);
} else {
    serve($argv[1], $argv[2]);
}
